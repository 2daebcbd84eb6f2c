import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { main } from '../src/cli/main.js';
import { itemsOf, shardOf } from '../src/cli/shard.js';
import { summariseAblation, type VariantEvaluation } from '../src/evaluation/ablation.js';
import { ablationText } from '../src/evaluation/ablation-text.js';
import type { Metric } from '../src/evaluation/metric.js';
import { readImage } from '../src/node/images.js';
import { shareDevice } from './gpu.js';

const SSIM: Metric = { key: 'ssim', title: 'SSIM', convention: 'any', better: 'higher', digits: 3, level: 'pair' };
const L1: Metric = { key: 'l1', title: 'L1', convention: 'any', better: 'lower', digits: 1, level: 'pair' };
const FID: Metric = { key: 'fid', title: 'FID', convention: 'any', better: 'lower', digits: 1, level: 'set' };

/** An evaluation of four pairs of four identities, with these SSIMs, L1s of 100 times those, and this FID. */
function evaluation(variant: string, seed: number, ssims: readonly number[], fid: number | null = null) {
  return {
    ...{ variant, seed },
    metrics: [
      { ...SSIM, value: 0 },
      { ...L1, value: 0 },
      { ...FID, value: fid },
    ],
    scores: ssims.map((ssim, i) => ({
      ...{ source: `s${i}`, target: `t${i}`, identity: `p${i}` },
      generated: { ssim, l1: 100 * ssim },
      copy: { ssim: 0.1, l1: 10 },
    })),
  } satisfies VariantEvaluation;
}

describe('the table of an ablation', () => {
  const full = [evaluation('full', 0, [0.3, 0.4, 0.5, 0.6], 20), evaluation('full', 1, [0.5, 0.6, 0.7, 0.8], 30)];
  const dsc = [evaluation('dsc', 0, [0.2, 0.3, 0.4, 0.5], 50), evaluation('dsc', 1, [0.4, 0.5, 0.6, 0.6], 50)];

  test('averages over seeds, then over pairs, and shows each seed', () => {
    const { rows, seeds, pairs, identities } = summariseAblation([...dsc, ...full]);
    expect({ seeds, pairs, identities }).toEqual({ seeds: [0, 1], pairs: 4, identities: 4 });
    expect(rows.map((r) => r.name)).toEqual(['copy of the source', 'dsc', 'full']);
    expect(rows[0]?.figures.ssim?.estimate?.value).toBeCloseTo(0.1, 12);
    const found = rows[2]?.figures.ssim;
    expect(found?.estimate?.value).toBeCloseTo(0.55, 12);
    expect(found?.seeds).toEqual([expect.closeTo(0.45, 12), expect.closeTo(0.65, 12)]);
    // The interval is that of the pair means 0.4 … 0.7, so it contains their mean and stays within their range.
    const [low = 0, high = 0] = found?.estimate?.interval ?? [];
    expect(low).toBeGreaterThan(0.4);
    expect(high).toBeLessThan(0.7);
    expect(rows[2]?.figures.fid).toEqual({ estimate: { value: 25, count: 2 }, seeds: [20, 30] });
    expect(rows[0]?.figures.fid?.estimate).toBeNull();
  });

  test('calls a difference better or worse if its interval and all seeds agree, by the sense of the metric', () => {
    const { contrasts } = summariseAblation([...dsc, ...full]);
    const found = contrasts.map(({ first, second, key, verdict }) => [first, second, key, verdict]);
    // Each pair of full is 0.1 above that of dsc, but for one that is 0.2 above with the second seed.
    expect(found).toEqual([
      ['full', 'dsc', 'ssim', 'better'],
      ['full', 'dsc', 'l1', 'worse'],
    ]);
    expect(contrasts[0]?.difference.value).toBeCloseTo(0.1125, 12);
    expect(contrasts[0]?.seeds).toEqual([expect.closeTo(0.1, 12), expect.closeTo(0.125, 12)]);
    // The mean over seeds is still above 0 for every pair, but the second seed says the opposite of the first.
    const torn = [dsc[0] as VariantEvaluation, evaluation('dsc', 1, [0.55, 0.65, 0.75, 0.85])];
    expect(summariseAblation([...torn, ...full]).contrasts[0]).toMatchObject({ verdict: 'undecided' });
    // One identity has no spread.
    const alone = [dsc, full].flatMap((list) => list.map((e) => ({ ...e, scores: e.scores.slice(0, 1) })));
    expect(summariseAblation(alone).contrasts[0]).toMatchObject({ verdict: 'undecided' });
  });

  test('refuses evaluations that are missing, doubled, or of other pairs', () => {
    expect(() => summariseAblation([])).toThrow(/at least one evaluation/);
    expect(() => summariseAblation([...full, dsc[0] as VariantEvaluation])).toThrow(/0 evaluations of dsc with seed 1/);
    expect(() => summariseAblation([...full, ...full.slice(1)])).toThrow(/2 evaluations of full with seed 1, not one/);
    const other = full.map((e) => ({ ...e, scores: e.scores.map((s) => ({ ...s, target: 'x' })) }));
    expect(() => summariseAblation([...other, ...dsc])).toThrow(
      /dsc with seed 0 was evaluated on other pairs than full/,
    );
  });

  test('is Markdown', () => {
    const text = ablationText(summariseAblation([...dsc, ...full]), { title: 'T', lines: ['A fact.'] }).join('\n');
    expect(text).toMatch(/^# T\n\n\* A fact\.\n\* 4 pairs of 4 identities; seeds 0, 1\./);
    expect(text).toMatch(/\| full \| 0\.550 \[0\.\d{3}, 0\.\d{3}\] \| 55\.0 \[.*\] \| 25\.0 \|/);
    expect(text).toMatch(/\| full − dsc \| SSIM ↑ \| 0\.1125 \[.*\] \| 0\.1000 · 0\.1250 \| full is better \|/);
    expect(text).toMatch(/\| copy of the source \| 0\.100 .* \| n\/a \|/);
  });
});

describe('parts of some work', () => {
  test('are every n-th item, and together all of them', () => {
    const items = ['a', 'b', 'c', 'd', 'e'];
    expect(itemsOf(items, { index: 2, count: 3 })).toEqual(['b', 'e']);
    expect([1, 2, 3].flatMap((index) => itemsOf(items, { index, count: 3 })).sort()).toEqual(items);
  });

  test.each(['0/2', '3/2', '1', '1/0', '1/99999', 'a/b', '-1/2', '1/2/3'])('cannot be %s', (shard) => {
    expect(() => shardOf({ shard })).toThrow(/--shard must be i\/n, part i of n/);
  });
});

describe('pose-gan ablate', () => {
  shareDevice();
  const root = mkdtempSync(join(tmpdir(), 'pose-gan-ablate-'));
  afterAll(() => rmSync(root, { recursive: true }));
  const data = join(root, 'data');

  async function cli(...args: string[]) {
    const out: string[] = [];
    const log = vi.spyOn(console, 'log').mockImplementation((text: string) => void out.push(text));
    const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      out.push(String(text));
      return true;
    });
    try {
      return { status: await main(args), text: out.join('\n') };
    } finally {
      log.mockRestore();
      write.mockRestore();
    }
  }
  const at = (folder: string, name: string) => readFileSync(join(root, folder, name), 'utf8');
  const common = ['--data', data, '--name', 'synth', '--size', 'small', '--width', '0.02', '--features', 'bank'];
  const tiny = [...common, '--iterations', '2', '--pairs', '4'];
  const GRID = { width: 6 * 64 + 5 * 4 + 2, height: 2 * 132 + 10 };
  const ablate = (folder: string, ...args: string[]) => cli('ablate', '--out', join(root, folder), ...args);

  beforeAll(async () => {
    const people = ['--train-identities', '2', '--test-identities', '2', '--images-per-identity', '3'];
    await cli('synth', '--out', data, '--size', '64x32', ...people);
  });

  test('trains every variant, writes tables and pictures; extended, or in parts, it gives the same', async () => {
    const whole = await ablate('whole', ...tiny, '--variants', 'dsc,baseline', '--rows', '2');
    expect(whole.status, whole.text).toBe(0);
    expect(readdirSync(join(root, 'whole', 'runs'))).toEqual(['baseline-seed0', 'dsc-seed0']);
    expect(whole.text).toMatch(/# Ablation on synth/);
    expect(at('whole', 'results.md')).toMatch(/\| dsc − baseline \| SSIM ↑ \|/);
    // Four columns for the pair and one for each variant; two pairs, enlarged to 128 pixels.
    expect(readImage(join(root, 'whole', 'grid.png'))).toMatchObject(GRID);

    const first = await ablate('grown', ...tiny, '--variants', 'dsc', '--rows', '1');
    expect(first.status, first.text).toBe(0);
    const grown = await ablate('grown', '--resume', '--variants', 'dsc,baseline', '--rows', '2');
    expect(grown.status, grown.text).toBe(0);

    const part = await ablate('part1', ...tiny, '--variants', 'dsc,baseline', '--shard', '1/2');
    expect(part.text).toMatch(/this part is complete; dsc-seed0 is not in .*part1 yet\. .*--merge \[PART…\] writes/);
    expect(readdirSync(join(root, 'part1')).sort()).toEqual(['ablation.json', 'runs']);
    mkdirSync(join(root, 'part2'));
    for (const name of ['ablation.json', 'runs/dsc-seed0'])
      cpSync(join(root, 'whole', name), join(root, 'part2', name), { recursive: true });
    // Another machine may have the data in another folder.
    const elsewhere = JSON.stringify({ ...JSON.parse(at('part2', 'ablation.json')), data: '/nowhere/data' });
    writeFileSync(join(root, 'part2', 'ablation.json'), elsewhere);
    const merged = await ablate('merged', '--merge', join(root, 'part1'), join(root, 'part2'), '--rows', '2');
    expect(merged.status, merged.text).toBe(0);
    // A scheduler may run the merge twice, when copies of the parts are there already.
    const repeated = await ablate('merged', '--merge', join(root, 'part1'), join(root, 'part2'), '--rows', '2');
    expect(repeated.status, repeated.text).toBe(0);
    const unknown = await ablate('merged2', '--merge', join(root, 'part2'));
    expect(unknown.text).toMatch(/made with --data \/nowhere\/data, which is not on this machine; name it by --data/);
    const named = await ablate('merged2', '--merge', join(root, 'part2'), '--data', data);
    expect(named.text).toMatch(/no part holds a complete .*baseline-seed0/);
    for (const folder of ['grown', 'merged'])
      for (const name of ['results.md', 'results.json', 'grid.png'])
        expect(readFileSync(join(root, folder, name)).equals(readFileSync(join(root, 'whole', name))), name).toBe(true);

    const twice = await ablate('twice', '--merge', join(root, 'part1'), join(root, 'whole'));
    expect(twice).toMatchObject({
      status: 2,
      text: expect.stringMatching(/both hold a complete .* they differ; leave one out/),
    });
    const occupied = await ablate('part1/runs', '--merge', join(root, 'part1'));
    expect(occupied).toMatchObject({
      status: 2,
      text: expect.stringMatching(/runs holds other files, but no ablation; give an/),
    });
    const lacking = await ablate('lacking', '--merge', join(root, 'part1'));
    expect(lacking).toMatchObject({ status: 2, text: expect.stringMatching(/no part holds a complete .*dsc-seed0/) });
    const settings = { ...JSON.parse(at('part2', 'ablation.json')), iterations: '3' };
    writeFileSync(join(root, 'part2', 'ablation.json'), JSON.stringify(settings));
    const mixed = await ablate('mixed', '--merge', join(root, 'part1'), join(root, 'part2'));
    expect(mixed).toMatchObject({
      ...{ status: 2, text: expect.stringMatching(/different ablations: iterations is 3 in the one, 2/) },
    });

    const skeletons = ['part1', 'part2'].map((part) => {
      const path = join(root, part, 'skeleton.json');
      writeFileSync(path, part);
      writeFileSync(join(root, part, 'ablation.json'), JSON.stringify({ ...JSON.parse(elsewhere), skeleton: path }));
      return path;
    });
    const otherBones = await ablate('mixed', '--merge', join(root, 'part1'), join(root, 'part2'));
    expect(otherBones.text).toMatch(`different ablations: skeleton is ${skeletons[1]} in the one, ${skeletons[0]} in`);

    const changed = await ablate('whole', '--resume', '--iterations', '5');
    expect(changed).toMatchObject({
      status: 2,
      text: expect.stringMatching(/--iterations was 2 when .* now it is 5; a fair/),
    });
    const again = await ablate('whole', ...tiny);
    expect(again).toMatchObject({ status: 2, text: expect.stringMatching(/already holds an ablation; give --resume/) });
  });

  test.each<[string[], RegExp]>([
    [['--resume'], /holds no ablation to resume/],
    [['--merge'], /name the folders of the parts/],
    [['--merge', join(root, 'data')], /holds no part of an ablation \(no ablation\.json\)/],
    [['--merge', '--shard', '1/2'], /--merge joins parts that are complete, .* does not go with --shard/],
    [
      [...tiny, '--variants', 'dsc,best'],
      /there is no variant "best"; known are baseline, dsc, perc, full, mean, dropout/,
    ],
    [[...tiny, '--seeds', '0'], /--seeds must be a whole number of at least 1, got "0"/],
    [[...tiny, '--shard', '3/2'], /--shard must be i\/n/],
    [['--name', 'synth'], /--data is needed/],
    [[...tiny, '--rows', 'many'], /--rows must be a whole number of at least 1, got "many"/],
    [['left'], /the command does not take "left"/],
  ])('refuses %j', async (args, message) => {
    mkdirSync(data, { recursive: true });
    const { status, text } = await ablate('refused', ...args);
    expect({ status, text }).toMatchObject({ status: 2, text: expect.stringMatching(message) });
  });
});
