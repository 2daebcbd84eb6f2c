import { bench } from '../src/cli/bench.js';
import { type Command, runCommand, type Values } from '../src/cli/command.js';
import { noMore, text, whole } from '../src/cli/values.js';
import { UsageError } from '../src/gpu/errors.js';
import { writeFileAtomic } from '../src/node/files.js';
import { open } from '../src/node.js';

/**
 * Our kernels beside those of another library; not part of the package, since the other library is none of its needs.
 */
async function against(library: string, values: Values, positionals: string[]): Promise<number> {
  noMore(positionals);
  if (library !== 'tfjs') throw new UsageError(`--against ${library}: there is only tfjs (TensorFlow.js on WebGPU)`);
  const meant = ['against', 'network', 'filter', 'samples', 'adapter', 'json', 'out'];
  const other = Object.keys(values).find((name) => !meant.includes(name));
  if (other !== undefined)
    throw new UsageError(`--${other} does not go with --against; it takes --${meant.slice(1).join(', --')}`);
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

/** `npm run bench`: pose-gan bench, and the comparison with other libraries. */
const command: Command = {
  ...bench,
  options: { ...bench.options, against: { type: 'string' }, network: { type: 'boolean' } },
  help: {
    ...bench.help,
    against: 'tfjs: time the convolutions beside TensorFlow.js on the same device; takes --filter, --samples, --out',
    network: 'with --against: a whole training iteration instead of single layers',
  },
  examples: [...bench.examples, 'npm run bench -- --against tfjs --filter "transposed"'],
  run: (values, positionals) => {
    const library = text(values, 'against');
    if (library === undefined && values.network) throw new UsageError('--network belongs to --against tfjs');
    return library === undefined ? bench.run(values, positionals) : against(library, values, positionals);
  },
};

process.exitCode = await runCommand(command, process.argv.slice(2));
