import { bench } from '../src/cli/bench.js';
import { type Command, runCommand, type Values } from '../src/cli/command.js';
import { noMore, text, whole } from '../src/cli/values.js';
import { UsageError } from '../src/gpu/errors.js';
import { writeFileAtomic } from '../src/node/files.js';
import { open } from '../src/node.js';

/** Compares our kernels with those of another library. The package does not contain this, because it does not need that library. */
async function against(library: string, values: Values, positionals: string[]): Promise<number> {
  noMore(positionals);
  if (library !== 'tfjs') throw new UsageError(`--against must be tfjs (TensorFlow.js on WebGPU), got "${library}"`);
  const allowed = ['against', 'network', 'filter', 'samples', 'adapter', 'json', 'out'];
  const other = Object.keys(values).find((name) => !allowed.includes(name));
  if (other !== undefined)
    throw new UsageError(`--${other} cannot be used with --against, which takes --${allowed.slice(1).join(', --')}`);
  const out = text(values, 'out');
  const samples = values.samples === undefined ? undefined : whole(values, 'samples', 1, 1);
  const { againstTfjs } = await import('./tfjs/main.js');
  const engine = await open({ adapter: text(values, 'adapter'), tuning: false });
  try {
    const progress = values.json ? undefined : (line: string) => console.log(line);
    const options = { network: values.network === true, filter: text(values, 'filter'), samples, progress };
    const found = await againstTfjs(engine, options);
    if (out !== undefined) writeFileAtomic(out, `${JSON.stringify(found.report, null, 2)}\n`);
    console.log(values.json ? JSON.stringify(found.report, null, 2) : `\n${found.text}`);
    return 0;
  } finally {
    engine.device.destroy();
  }
}

/** `npm run bench`: pose-gan bench with the comparison with another library. */
const command: Command = {
  ...bench,
  options: { ...bench.options, against: { type: 'string' }, network: { type: 'boolean' } },
  help: {
    ...bench.help,
    against: 'tfjs: compare the convolutions with TensorFlow.js on the same device; takes --filter, --samples, --out',
    network: 'with --against: time a whole training iteration instead of single layers',
  },
  examples: [...bench.examples, 'npm run bench -- --against tfjs --filter "transposed"'],
  run: (values, positionals) => {
    const library = text(values, 'against');
    if (library === undefined && values.network) throw new UsageError('--network needs --against tfjs');
    return library === undefined ? bench.run(values, positionals) : against(library, values, positionals);
  },
};

process.exitCode = await runCommand(command, process.argv.slice(2));
