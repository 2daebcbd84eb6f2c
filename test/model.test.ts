import { describe, expect, test } from 'vitest';
import { input } from '../src/autograd/leaves.js';
import { ParameterSet } from '../src/autograd/parameters.js';
import { UsageError } from '../src/gpu/errors.js';
import { Parameters } from '../src/model/blocks.js';
import { type Ablation, type ModelConfig, modelConfig, type Preset, type Size } from '../src/model/config.js';
import { discriminator, discriminatorInput } from '../src/model/discriminator.js';
import { generator } from '../src/model/generator.js';
import { trainingStep } from '../src/model/training.js';
import { VGG_LAYERS, Vgg } from '../src/model/vgg.js';

function inputsOf(c: ModelConfig, n = 1) {
  const { height: h, width: w } = c;
  return {
    source: input('source', [n, h, w, 3]),
    sourceHeat: input('sourceHeat', [n, h, w, c.joints]),
    target: input('target', [n, h, w, 3]),
    targetHeat: input('targetHeat', [n, h, w, c.joints]),
    affine: input('affine', [n, c.parts, 6]),
    masks: [0, 1, 2, 3].map((s) => input(`mask${s}`, [n, h >> s, w >> s], 'u32')),
    noise: c.noise ? input('noise', [n, c.noise]) : undefined,
  };
}

function build(c: ModelConfig) {
  const g = new Parameters(new ParameterSet('generator'), 1);
  const d = new Parameters(new ParameterSet('discriminator'), 1);
  const inputs = inputsOf(c);
  const { image } = generator(g, c, inputs);
  return { g, d, inputs, image, logits: discriminator(d, c, discriminatorInput({ ...inputs, image })) };
}

describe('parameter counts of the released code (spec §4)', () => {
  test.each<[Size, Ablation, number]>([
    ['market', 'full', 61_109_085],
    ['fashion', 'full', 82_080_611],
    ['market', 'baseline', 36_072_533],
    ['fashion', 'baseline', 48_655_449],
  ])('%s %s', (size, ablation, count) => {
    const { g, d, image, logits } = build(modelConfig({ preset: 'authors', size, ablation }));
    expect(g.set.count).toBe(count);
    expect(d.set.count).toBe(2_803_782);
    expect(image.shape).toEqual(size === 'market' ? [1, 128, 64, 3] : [1, 256, 256, 3]);
    expect(logits.size).toBe(size === 'market' ? 3 : 49);
  });
});

describe('parameter counts of the published description (counted by hand from spec §4 and §5)', () => {
  test.each<[Size, Ablation, number]>([
    ['market', 'full', 66_364_099],
    ['fashion', 'full', 87_338_691],
    ['market', 'baseline', 40_275_075],
    ['fashion', 'baseline', 52_860_035],
  ])('%s %s', (size, ablation, count) => {
    const { g, d } = build(modelConfig({ preset: 'paper', size, ablation }));
    expect(g.set.count).toBe(count);
    expect(d.set.count).toBe(2_805_633);
  });
});

test('the batch size is 4, and 2 for fashion with the nearest-neighbour loss (spec §1)', () => {
  const batchOf = (size: Size, ablation: Ablation) => modelConfig({ size, ablation }).batch;
  for (const ablation of ['full', 'mean', 'dropout'] as const) {
    expect(batchOf('fashion', ablation)).toBe(2);
    expect(batchOf('market', ablation)).toBe(4);
  }
  for (const ablation of ['baseline', 'dsc', 'perc'] as const)
    for (const size of ['market', 'fashion'] as const) expect(batchOf(size, ablation)).toBe(4);
});

describe('presets', () => {
  test('paper has norms with per-channel γ and β in every block but the last, which has a bias, and noise at the deepest level', () => {
    const { g, d } = build(modelConfig({ width: 1 / 8 }));
    expect(g.set.get('appearance.0.gamma').shape).toEqual([8]);
    expect(g.set.names).not.toContain('appearance.0.bias');
    expect(g.set.get('decoder.0.weight').shape).toEqual([4, 4, 64, 64 + 64 + 64]);
    expect(g.set.names.filter((n) => n.endsWith('.bias'))).toEqual(['decoder.5.bias']);
    expect(d.set.names.filter((n) => n.endsWith('.bias'))).toEqual(['discriminator.4.bias']);
  });

  test.each<[Preset, Size]>([
    ['paper', 'market'],
    ['paper', 'fashion'],
    ['authors', 'market'],
    ['authors', 'fashion'],
  ])('%s %s: every ablation builds a complete training step', (preset, size) => {
    const vgg = new Vgg(
      new Map(
        Object.entries(VGG_LAYERS).flatMap(([k, s]): [string, Float32Array][] => [
          [`${k}.weight`, new Float32Array(s[0] * s[1] * s[2] * s[3])],
          [`${k}.bias`, new Float32Array(s[3])],
        ]),
      ),
    );
    for (const ablation of ['baseline', 'dsc', 'perc', 'full', 'mean', 'dropout'] as const) {
      const c = modelConfig({ preset, size, ablation, width: 1 / 16 });
      const g = new Parameters(new ParameterSet('generator'), 1);
      const d = new Parameters(new ParameterSet('discriminator'), 1);
      const step = trainingStep({ g, d, vgg }, c, inputsOf(c));
      expect(step.generated.shape).toEqual([1, c.height, c.width, 3]);
      expect(step.gradientsG.map((t) => t.shape)).toEqual(g.set.tensors.map((t) => t.shape));
      expect(step.gradientsD.map((t) => t.shape)).toEqual(d.set.tensors.map((t) => t.shape));
    }
  });

  test.each([0.001, 0.02, 0.023, 0.07, 0.19])('a model of any width can be built, for example %d', (width) => {
    for (const preset of ['paper', 'authors'] as const) {
      const c = modelConfig({ preset, size: 'small', width });
      expect(build(c).image.shape).toEqual([1, 64, 32, 3]);
    }
  });

  test('unknown names and widths are refused, and the error lists the known ones', () => {
    expect(() => modelConfig({ preset: 'papre' as Preset })).toThrow(/no preset papre; known are paper, authors/);
    expect(() => modelConfig({ ablation: 'x' as Ablation })).toThrow(/baseline, dsc, perc, full|full, baseline/);
    expect(() => modelConfig({ width: 0 })).toThrow(UsageError);
  });
});
