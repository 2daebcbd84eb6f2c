import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rangeOf } from '../src/cli/shard.js';
import { hstack } from '../src/data/image.js';
import type { EvaluationComparison } from '../src/evaluation/compare.js';
import type { Cost, EvaluationDocument } from '../src/evaluation/document.js';
import { encodePng } from '../src/node/images.js';
import { newPart, type Part, parsePart, partsInOrder } from '../src/node/parts.js';
import { shareDevice } from './gpu.js';
import { at, dataset, net, out, picture, prepare, run } from './untrained.js';

shareDevice();
prepare();

const part = (index: number, count: number, work: Part['work'] = { seed: 1 }) => ({
  ...newPart('evaluate', { index, count }, work),
  path: `p${index}`,
});

test('the consecutive items of all parts are the list', () => {
  const items = ['a', 'b', 'c', 'd', 'e'];
  const parts = (count: number) => Array.from({ length: count }, (_, i) => rangeOf(items, { index: i + 1, count }));
  expect(parts(2)).toEqual([
    ['a', 'b'],
    ['c', 'd', 'e'],
  ]);
  expect(parts(7).flat()).toEqual(items);
  expect(parts(7).map((p) => p.length)).toEqual([0, 1, 1, 0, 1, 1, 1]);
});

test('parts come in their order, and are refused unless they are all parts of one work', () => {
  expect(partsInOrder([part(3, 3), part(1, 3), part(2, 3)], 'evaluate').map((p) => p.path)).toEqual(['p1', 'p2', 'p3']);
  const refusal = (...parts: ReturnType<typeof part>[]) => {
    try {
      return String(partsInOrder(parts, 'evaluate'));
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(refusal()).toMatch(/name the parts: pose-gan evaluate --merge PART…/);
  expect(refusal(part(1, 2), part(2, 2, { seed: 2 }))).toMatch(
    /p2 and p1 are parts of different work: seed is 2 in the one, 1 in the other\. Fix:/,
  );
  expect(refusal(part(1, 2), part(2, 2, {}))).toMatch(/seed is not given in the one, 1 in the other/);
  expect(refusal(part(1, 2), part(2, 3))).toMatch(/p2 is part 2\/3 and p1 is part 1\/2 .* the same n/);
  expect(refusal(part(1, 2), { ...part(1, 2), path: 'copy' })).toMatch(/p1 and copy are both part 1\/2; leave one/);
  expect(refusal(part(2, 4))).toMatch(/parts 1\/4, 3\/4, 4\/4 are missing\. Fix: .* --shard 1\/4 has written/);
});

test.each<[string, object, RegExp]>([
  ['another document', { format: 'x' }, /f is not a part: its "format" is "x".* Fix: name what pose-gan evaluate/],
  ['another command', { command: 'generate' }, /f is a part of pose-gan generate, not of pose-gan evaluate/],
  ['another version', { library: '0.0.1' }, /f was made by version 0\.0\.1, but this is version .* or make this part/],
  ['an impossible part', { shard: { index: 3, count: 2 } }, /f is part 3 of 2, which is not possible; it is damaged/],
  ['an odd setting', { work: { seed: [] } }, /f has the setting seed \[\], which is no setting; it is damaged/],
])('%s is not taken for a part', (_, change, message) => {
  expect(() => parsePart({ ...part(1, 2), ...change }, 'f', 'evaluate')).toThrow(message);
});

/** The document of an evaluation without what differs between two runs: the times and the parts. */
function timeless({ date, seconds, parts, cost, ...document }: EvaluationDocument) {
  const { msPerImage, samples, ...size } = cost ?? ({} as Partial<Cost>);
  return {
    ...document,
    costs: size,
    timed: [typeof date, typeof seconds, msPerImage !== undefined, samples !== undefined],
  };
}

/** Evaluates all pairs at once and in parts, and expects the same documents, tables and pages. Returns the parts. */
async function expectSame(count: number, args: readonly string[]): Promise<string[]> {
  const files = (name: string) => [
    '--out',
    join(out, `${name}.json`),
    '--csv',
    join(out, `${name}.csv`),
    '--html',
    join(out, `${name}.html`),
  ];
  const read = (name: string) => readFileSync(join(out, name), 'utf8');
  const document = (name: string): EvaluationDocument => JSON.parse(read(`${name}.json`));
  const whole = await run('evaluate', ...args, ...files('whole'));
  expect(whole.code, whole.stderr).toBe(0);
  const parts = [];
  for (let i = count; i >= 1; i--) {
    const file = join(out, `part${i}`);
    const made = await run('evaluate', ...args, '--shard', `${i}/${count}`, '--out', file);
    expect(made.stdout, made.stderr).toMatch(
      new RegExp(`part${i} written, part ${i}/${count} with \\d+ of \\d+ pairs; .* --merge`),
    );
    parts.push(file);
  }
  const merged = await run('evaluate', '--merge', ...parts, ...files('merged'), '--compare', join(out, 'whole.json'));
  expect(merged.code, merged.stderr).toBe(0);
  const { parts: times, ...found } = document('merged');
  const { comparison, ...rest } = found as typeof found & { comparison: EvaluationComparison };
  expect(timeless(rest)).toEqual(timeless(document('whole')));
  expect(times?.map(({ part }) => part)).toEqual(parts.map((_, i) => `${i + 1}/${count}`));
  expect(times?.reduce((n, { pairs }) => n + pairs, 0)).toBe(rest.pairs);
  expect(comparison.metrics.every(({ difference }) => difference === null || difference.value === 0)).toBe(true);
  expect(read('merged.csv')).toBe(read('whole.csv'));
  // The page and the text show the time of the evaluation and of an image; --compare adds its table.
  const plain = (text: string) => text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z|[\d.]+ ms an image|median of \d+/g, '…');
  const again = await run('evaluate', '--merge', ...parts.reverse(), '--html', join(out, 'again.html'));
  expect(plain(again.stdout)).toBe(plain(whole.stdout));
  expect(plain(read('again.html'))).toBe(plain(read('whole.html')));
  expect(read('again.html')).toContain('<h2>Best pairs by SSIM</h2>');
  const [part1 = ''] = parts;
  const onPart = await run('evaluate', '--merge', ...parts, '--csv', part1);
  expect(onPart).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/--csv .*part1 would replace the part .*part1/),
  });
  const twice = await run('evaluate', ...args, '--out', join(out, 'x'), '--html', join(out, '.', 'x'));
  expect(twice).toMatchObject({ code: 2, stderr: expect.stringMatching(/--html .*x would replace the file of --out/) });
  return parts;
}

test('evaluate --triptychs gives the same in parts; parts that do not belong together are refused', async () => {
  const folder = join(out, 'pictures');
  mkdirSync(folder);
  const write = (i: number, seed: number) =>
    writeFileSync(
      join(folder, `${i % 4}_a${i}.png_${i % 4}_b.png.png`),
      encodePng(hstack([0, 1, 2].map((k) => picture(seed + k)))),
    );
  // Three batches of at most 16, two of them in the second part; the first pairs are alike, so that their order matters for the page.
  for (let i = 0; i < 35; i++) write(i, i < 12 ? 2 : i);
  const args = ['--triptychs', folder, '--threads', '1'];
  const parts = await expectSame(2, args);

  const merge = (...files: string[]) => run('evaluate', '--merge', ...files);
  const [first = '', second = ''] = parts;
  expect((await merge(second)).stderr).toMatch(/part 1\/2 is missing/);
  const file = join(out, 'odd');
  const cut = readFileSync(second);
  writeFileSync(file, cut.subarray(0, cut.length - 9));
  expect((await merge(first, file)).stderr).toMatch(
    /odd is not a whole part .*: it is cut short: .* Fix: .* copy it again, or make the part again/,
  );
  cut[cut.length - 9] = 1 ^ (cut[cut.length - 9] as number);
  writeFileSync(file, cut);
  expect((await merge(first, file)).stderr).toMatch(/odd is not a whole part.*checksum: it is damaged/);
  expect((await merge(join(out, 'whole.json'))).stderr).toMatch(/whole\.json is not a whole part of an evaluation: /);
  write(3, 99);
  await run('evaluate', ...args, '--shard', '2/2', '--out', file);
  expect((await merge(first, file)).stderr).toMatch(
    /odd and .*part1 are parts of different work: images is [0-9a-f]+ in/,
  );
  for (const [more, message] of [
    [
      ['--csv', file, '--shard', '1/2', ...args],
      /--shard writes one part, and --csv needs all of them; give it to --merge/,
    ],
    [['--shard', '1/2', ...args], /--out is needed/],
    [['--merge', first, '--limit', '3'], /--merge joins parts that are complete.* does not go with --limit/],
    [['--merge'], /name the parts: pose-gan evaluate --merge PART…/],
  ] as const)
    expect((await run('evaluate', ...more)).stderr).toMatch(message);
});

test('evaluate --checkpoint gives the same in parts, also where the model draws noise and a batch is filled up', async () => {
  // Of three parts of two batches, the first has no pairs.
  await expectSame(3, [...net(), ...dataset(), '--threads', '1']);
  const { cost, parts } = JSON.parse(readFileSync(join(out, 'merged.json'), 'utf8')) as EvaluationDocument;
  // Each part measures the time of an image anew. What is shown is the median of the parts.
  const costs = parts?.map((part) => part.cost) as Cost[];
  const times = costs.map(({ msPerImage }) => msPerImage);
  expect(new Set(times).size).toBe(3);
  const samples = costs.reduce((n, c) => n + c.samples, 0);
  expect(cost).toEqual({ ...costs[0], msPerImage: times.sort((x, y) => x - y)[1], samples });
});

test('generate makes the same files in parts, which share a folder or have their own', async () => {
  const generate = (folder: string, ...args: string[]) =>
    run(
      'generate',
      ...net(),
      '--pairs',
      at('data', 'd-pairs-test.csv'),
      ...dataset(),
      '--out',
      join(out, folder),
      ...args,
    );
  const merge = (folder: string, ...args: string[]) => run('generate', '--out', join(out, folder), '--merge', ...args);
  const contents = (folder: string) =>
    readdirSync(join(out, folder)).map((name) => [name, readFileSync(join(out, folder, name), 'base64')]);

  // Two batches: of two pairs, and of one that is filled up. The model draws noise.
  const whole = await generate('whole', '--json');
  expect((await generate('b', '--shard', '2/2')).stdout).toMatch(/ written\npart 2\/2 is complete; .* joins all parts/);
  const lacking = await merge('merged', join(out, 'b'));
  expect(lacking).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/part 1\/2 is missing\. Fix: .*--shard 1\/2/),
  });
  await generate('a', '--shard', '1/2', '--json');
  const merged = await merge('merged', join(out, 'b'), join(out, 'a'), '--json');
  expect(merged.code, merged.stderr).toBe(0);
  expect(contents('merged')).toEqual(contents('whole'));
  expect(merged.stdout.replaceAll('merged', 'whole')).toBe(whole.stdout);
  cpSync(join(out, 'b'), join(out, 'd'), { recursive: true });

  await generate('b', '--shard', '1/2');
  expect((await merge('b')).code).toBe(0);
  expect(contents('b')).toEqual(contents('whole'));
  expect((await merge('b')).stderr).toMatch(/b holds no part of pose-gan generate .* this may have been done\. Fix:/);

  // Each refusal names the file, and nothing is written.
  const other = await generate('a', '--shard', '2/2', '--seed', '1');
  expect(other.stderr).toMatch(
    /--shard 2\/2 and .*part-1-of-2\.json are parts of different work: seed is 1 in the one, 0/,
  );
  const unknown = await generate('whole', '--shard', '1/2');
  expect(unknown.stderr).toMatch(
    /whole.*\.png is there, but no part-1-of-2\.json says of what work it is\. Fix: remove it/,
  );
  const [first = '', second = ''] = readdirSync(join(out, 'a'));
  writeFileSync(join(out, 'a', first), 'x');
  expect((await merge('c', join(out, 'a'), join(out, 'b'))).stderr).toMatch(/b holds no part of pose-gan generate/);
  const damaged = await merge('c', join(out, 'd'), join(out, 'a'));
  expect(damaged.stderr).toMatch(
    /a_1.* of part 1\/2 is not as it was written\. Fix: .*--shard 1\/2 --out .* again after you have removed it/,
  );
  renameSync(join(out, 'a', second), join(out, 'a', 'x.png'));
  rmSync(join(out, 'a', first));
  expect((await merge('c', join(out, 'd'), join(out, 'a'))).stderr).toMatch(
    /of part 1\/2 is missing\. Fix: run pose-gan/,
  );
  expect(readdirSync(out)).not.toContain('c');
  mkdirSync(join(out, 'e'));
  const record = JSON.parse(readFileSync(join(out, 'd', 'part-2-of-2.json'), 'utf8'));
  writeFileSync(join(out, 'e', 'part-2-of-2.json'), JSON.stringify({ ...record, files: [['../x', '0']] }));
  expect((await merge('e')).stderr).toMatch(/part-2-of-2\.json is damaged: its list of files has \["\.\.\/x","0"\]/);
  writeFileSync(
    join(out, 'e', 'part-2-of-2.json'),
    JSON.stringify({ ...record, shard: { index: 1, count: 1 }, files: undefined }),
  );
  expect((await merge('e')).stderr).toMatch(
    /is of a part that is not complete\. Fix: run pose-gan generate --shard 1\/1/,
  );
  for (const [args, message] of [
    [['--merge', '--shard', '1/2'], /--merge joins parts that are complete.* does not go with --shard/],
    [['--shard', '1/2', ...net()], /--shard divides the pairs of a file; name it by --pairs FILE/],
  ] as const)
    expect((await run('generate', '--out', out, ...args)).stderr).toMatch(message);
});
