import { table } from '../compiler/plan-text.js';
import { type TunedClass, type TuneProgress, type TuneResult, tune as tuneCalls } from '../compiler/tune.js';
import { UsageError } from '../gpu/errors.js';
import type { Tuning } from '../gpu/tuner.js';
import { generatorCalls, trainingCalls } from '../model/trainer.js';
import { Vgg } from '../model/vgg.js';
import { expectWritable } from '../node/files.js';
import { saveTuning, tuningPath, tuningProblem } from '../node/tuning-files.js';
import { loadFeatures } from '../node/weights.js';
import { open } from '../node.js';
import type { Command, Values } from './command.js';
import { type Progress, progress } from './progress.js';
import { chosenModel, MODEL_HELP, MODEL_OPTIONS } from './selection.js';
import { say, sayJson, sayLayout } from './terminal.js';
import { noMore, output, positive, text } from './values.js';

/** A progress bar that counts timed classes of calls. */
export function tuningProgress(): { onProgress: (p: TuneProgress) => void; end: () => void } {
  let bar: Progress | undefined;
  return {
    onProgress: ({ done, total, tuned }) => {
      bar ??= progress('tuning', total, { unit: 'classes' });
      bar.update(done, `${tuned.op} ${tuned.choice.variant}`);
      if (done === total) bar.end();
    },
    end: () => bar?.end(),
  };
}

const timeOf = ({ choice }: TunedClass, variant: string) => choice.times[variant] as number;
const gain = (c: TunedClass) => timeOf(c, c.choice.rule) / timeOf(c, c.choice.variant);

/** The time of all calls of the classes in milliseconds, with the kernels of the rule and with those of the tuning. */
function totals(classes: readonly TunedClass[]): { rule: number; tuned: number } {
  const sum = (of: (c: TunedClass) => number) => classes.reduce((n, c) => n + (c.calls * of(c)) / 1000, 0);
  return { rule: sum((c) => timeOf(c, c.choice.rule)), tuned: sum((c) => timeOf(c, c.choice.variant)) };
}

function rowOf(c: TunedClass): string[] {
  const { variant, rule, times } = c.choice;
  const list = Object.entries(times).map(([name, us]) => `${name} ${(us / 1000).toPrecision(3)}`);
  // A key ends with the candidates, which are in another column, and a hash of their kernels.
  const shapes = c.key.split(' ').slice(0, -2).join(' ');
  return [shapes, String(c.calls), list.join('  '), variant, variant === rule ? '' : `${gain(c).toFixed(2)}×`];
}

function report(name: string, { classes, timed, left }: TuneResult): string {
  if (!classes.length) return `${name}: there is no kernel to choose${left ? `; ${left} classes were not timed` : ''}`;
  const rows = [...classes].sort((a, b) => b.calls * timeOf(b, b.choice.rule) - a.calls * timeOf(a, a.choice.rule));
  const { rule, tuned } = totals(classes);
  const refused = new Map(classes.flatMap((c) => Object.entries(c.refused).map(([v, why]) => [`${c.op}/${v}`, why])));
  const refusals = [...refused].map(([name, why]) => `refused by this device: ${name}: ${why}\n`);
  const counts = `${classes.length} classes, ${timed} timed now${left ? `, ${left} left` : ''}`;
  return `${name}: ${counts}
${table([['class', 'calls', 'ms', 'chosen', 'gain'], ...rows.map(rowOf)])}
all these kernels: ${rule.toFixed(2)} ms by rule, ${tuned.toFixed(2)} ms tuned, ${(rule / tuned).toFixed(2)}×
${refusals.join('')}`;
}

/** Installs a tuning that was made elsewhere on the same adapter. */
async function install(values: Values, from: string, out: string | undefined): Promise<number> {
  const engine = await open({ adapter: text(values, 'adapter'), tuning: from });
  engine.device.destroy();
  const path = saveTuning(engine.tuning as Tuning, out);
  if (values.json) sayJson({ adapter: engine.adapterName, path, choices: engine.tuning?.size }, 0);
  else say(`${engine.tuning?.size} choices of ${from} stored in ${path}`);
  return 0;
}

async function run(values: Values, positionals: string[]): Promise<number> {
  noMore(positionals);
  const out = output(values, 'out', 'file');
  const from = text(values, 'from');
  const problem = out ? undefined : tuningProblem();
  if (problem)
    throw new UsageError(
      `${problem}, so the choices cannot be stored; set POSE_GAN_TUNING to a file, or name a file with --out`,
    );
  if (from) return install(values, from, out);
  const { config, batch } = chosenModel(values);
  const { weights } = loadFeatures(config, text(values, 'features'));
  const budget = positive(values, 'budget', Number.POSITIVE_INFINITY);
  const engine = await open({ adapter: text(values, 'adapter') });
  const file = out ?? tuningPath(engine.adapter);
  if (file) expectWritable(file, 'file');
  if (values.force) engine.tuning = undefined;
  try {
    if (!values.json) say(`adapter: ${engine.adapterName}`, '');
    const work = {
      'training step': await trainingCalls(engine, { config, seed: 0, batch, vgg: weights && new Vgg(weights) }),
      generator: await generatorCalls(engine, config, batch),
    };
    const results: Record<string, TuneResult> = {};
    const begun = performance.now();
    for (const [name, calls] of Object.entries(work)) {
      const bar = tuningProgress();
      results[name] = await tuneCalls(engine, calls, {
        budgetMs: 1000 * budget - (performance.now() - begun),
        onProgress: (p) => {
          bar.onProgress(p);
          // It is saved after every class, so that nothing is lost if the command is stopped.
          saveTuning(engine.tuning as Tuning, out);
        },
      });
      bar.end();
      if (!values.json) sayLayout(report(name, results[name]));
    }
    const path = engine.tuning && saveTuning(engine.tuning, out);
    const choices = engine.tuning?.size ?? 0;
    if (values.json) {
      const graphs = Object.entries(results).map(([name, r]) => ({ name, ...r, ms: totals(r.classes) }));
      sayJson({ adapter: engine.adapterName, path, choices, graphs });
    } else say(path ? `${choices} choices in ${path}` : 'no choice was made');
    return 0;
  } finally {
    engine.device.destroy();
  }
}

export const tune: Command = {
  name: 'tune',
  summary: 'times the kernels for a model’s layers on this adapter and stores the fastest, which all commands then use',
  usage: '[--preset P] [--size S] [--batch N]',
  options: {
    ...MODEL_OPTIONS,
    budget: { type: 'string' },
    force: { type: 'boolean' },
    out: { type: 'string' },
    from: { type: 'string' },
  },
  help: {
    ...MODEL_HELP,
    batch: `${MODEL_HELP.batch}; batches up to the next power of two share choices`,
    budget: 'the time in seconds after which no further layer is begun; the next tune continues',
    force: 'also time layers that already have a choice',
    out: 'a file for the choices (default: the variable POSE_GAN_TUNING, else a file in the cache folder)',
    from: 'install the choices of this file, made on the same adapter elsewhere, without timing',
  },
  examples: [
    'pose-gan tune --preset authors',
    'pose-gan tune --size small --width 0.125 --adapter llvmpipe',
    'pose-gan tune --from tuning.json',
  ],
  run,
};
