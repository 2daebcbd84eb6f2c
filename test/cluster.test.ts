import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { ablate } from '../src/cli/ablate.js';
import type { Command } from '../src/cli/command.js';
import { doctor } from '../src/cli/doctor.js';
import { evaluate } from '../src/cli/evaluate.js';
import { reid } from '../src/cli/reid.js';
import { shardOf } from '../src/cli/shard.js';

const FOLDER = 'examples/cluster';
const read = (file: string) => readFileSync(`${FOLDER}/${file}`, 'utf8');
const COMMANDS = new Map<string, Command>([ablate, doctor, evaluate, reid].map((command) => [command.name, command]));

interface Container {
  readonly command: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly volumeMounts: readonly { readonly name: string }[];
}
interface Job {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly completions?: number;
    readonly parallelism?: number;
    readonly completionMode?: string;
    readonly template: {
      readonly spec: {
        readonly containers: readonly [Container];
        readonly volumes: readonly {
          readonly name: string;
          readonly persistentVolumeClaim: { readonly claimName: string };
        }[];
      };
    };
  };
}

/** The only document of a manifest. */
function manifest<T>(file: string): T {
  const documents = parseAllDocuments(read(`kubernetes/${file}`), { strict: true, uniqueKeys: true });
  expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
  expect(documents).toHaveLength(1);
  return documents[0]?.toJS() as T;
}

/** The pose-gan commands in a text, as words, with the variables of shells and schedulers replaced by values. */
function commandsIn(text: string): string[][] {
  const filled = text
    .replaceAll(/"?\$\(\(JOB_COMPLETION_INDEX \+ 1\)\)\/\$PARTS"?/g, '3/8')
    .replaceAll('"$shard"', '3/8')
    .replaceAll(/\$\{shard%\/\*\}|\{\}/g, '3');
  return [...filled.matchAll(/\bpose-gan ((?:ablate|evaluate|reid|doctor)\b[^\n&|;#]*)/g)].map(([, line = '']) =>
    (line.split(':::')[0] as string).trim().split(/\s+/),
  );
}

/** The options and words of a command. Throws if the command does not have an option. */
function parsed([name = '', ...args]: readonly string[]) {
  const command = COMMANDS.get(name) as Command;
  return { name, ...parseArgs({ args, options: command.options, allowPositionals: true, strict: true }) };
}

describe('the files for clusters', () => {
  const jobs = { parts: manifest<Job>('parts.yaml'), merge: manifest<Job>('merge.yaml') };
  const [parts, merge] = [jobs.parts, jobs.merge].map(({ spec }) => spec.template.spec.containers[0]) as [
    Container,
    Container,
  ];

  test.each([
    ['slurm/parts.sh', read('slurm/parts.sh'), 3, 0],
    ['slurm/merge.sh', read('slurm/merge.sh'), 0, 3],
    ['kubernetes/parts.yaml', parts.command.at(-1) as string, 1, 0],
    ['kubernetes/merge.yaml', merge.command.join(' '), 0, 1],
    ['README.md', read('README.md').replaceAll(/[^`]`[^`\n]+`/g, ''), 1, 1],
  ])('%s has only commands whose options exist', (_, text, sharded, merged) => {
    const commands = commandsIn(text).map(parsed);
    for (const { name, values } of commands)
      if (values.shard !== undefined) expect([name, shardOf(values)]).toEqual([name, { index: 3, count: 8 }]);
    expect(commands.filter(({ values }) => values.shard !== undefined)).toHaveLength(sharded);
    expect(commands.filter(({ values }) => values.merge === true)).toHaveLength(merged);
    for (const { values } of commands) expect(values.shard === undefined || values.merge === undefined).toBe(true);
  });

  test('parts and merges write to the same places', () => {
    const outs = (text: string) => commandsIn(text).map((words) => [words[0], parsed(words).values.out]);
    const [divided, joined] = [outs(read('slurm/parts.sh')), outs(read('slurm/merge.sh'))];
    expect(divided).toEqual(
      [...joined].map(([name, out]) => [name, name === 'evaluate' ? '"evaluation-part-3"' : out]),
    );
    expect(read('slurm/merge.sh')).toContain('--merge evaluation-part-*');
    expect(outs(parts.command.at(-1) as string)).toEqual(outs(merge.command.join(' ')));
  });

  test('the counts of parts agree, and every pod has its own part', () => {
    const { completions, parallelism, completionMode } = jobs.parts.spec;
    const count = parts.env?.find(({ name }) => name === 'PARTS')?.value;
    expect({ completionMode, completions, parallelism }).toEqual({
      ...{ completionMode: 'Indexed', completions: Number(count), parallelism: Number(count) },
    });
    expect(parts.command.at(-1)).toContain('--shard "$((JOB_COMPLETION_INDEX + 1))/$PARTS"');
    expect(read('slurm/parts.sh')).toContain(`#SBATCH --array=1-${count}\n`);
    expect(read('README.md')).toContain(`--shard {}/${count} --out augmented ::: 1 2 3 4 5 6 7 8 `);
  });

  test('the Jobs mount the claimed volume, and are the ones of which the README speaks', () => {
    const claim = manifest<{ readonly metadata: { readonly name: string } }>('volume.yaml').metadata.name;
    for (const { kind, spec, metadata } of Object.values(jobs)) {
      expect(kind).toBe('Job');
      const { volumes, containers } = spec.template.spec;
      expect(volumes).toEqual([
        { name: containers[0].volumeMounts[0]?.name, persistentVolumeClaim: { claimName: claim } },
      ]);
      expect(read('README.md')).toMatch(new RegExp(`kubectl delete job .*\\b${metadata.name}\\b`));
    }
  });

  test('the container file builds the checkout, and asks for the Vulkan driver of the GPU', () => {
    const text = read('Containerfile');
    expect(text).toMatch(/^FROM node:20-\S+ AS build$/m);
    const [, copied] = /^COPY --from=build (\S+) /m.exec(text) ?? [];
    expect(copied).toBe('/tmp/webgpu-pose-gan-*.tgz');
    expect(JSON.parse(readFileSync('package.json', 'utf8')).name).toBe('webgpu-pose-gan');
    expect(text).toMatch(/apt-get install .*\blibvulkan1\b/);
    expect(text).toMatch(/NVIDIA_DRIVER_CAPABILITIES=\S*graphics/);
  });
});
