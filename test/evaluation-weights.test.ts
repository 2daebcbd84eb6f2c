import { describe, expect, test } from 'vitest';
import { readSafetensors, writeSafetensors } from '../src/data/safetensors.js';
import { FrozenWeights, tensorsOfFile } from '../src/evaluation/frozen-weights.js';
import { howToInstall, networkTensors, type PublicNetwork } from '../src/evaluation/public-network.js';
import { formulaInput, formulaTensors } from '../src/verify/formula.js';

const NETWORK: PublicNetwork = {
  key: 'tiny',
  title: 'A tiny network',
  files: [{ name: 'tiny-1.pth', bytes: 2_500_000, source: 'example.org' }],
  define: (weights) => {
    weights.convolution('conv.weight', [2, 3, 1, 2]);
    weights.linear('fc.weight', [2, 3]);
    weights.vector('fc.bias', 2);
  },
};

/** Computed by a program in Python from the formulas of the reference files. */
const PYTHON = {
  input: [0.3599269390106201, 0.6219890117645264, -0.9011447429656982],
  weight: [0.14766603561755642, 0.6382892383505657],
  variance: 0.608964204788208,
  scale: 19.1201651096344,
};

const count = (n: number) => Float32Array.from({ length: n }, (_, i) => i);

function file(change: Record<string, { shape: number[]; data: Float32Array } | undefined> = {}, prefix = '') {
  const all = {
    'conv.weight': { shape: [2, 3, 1, 2], data: count(12) },
    'fc.weight': { shape: [2, 3], data: count(6) },
    'fc.bias': { shape: [2], data: count(2) },
    ...change,
  };
  const tensors = Object.entries(all).flatMap(([name, t]) => (t ? [[prefix + name, t] as const] : []));
  return tensorsOfFile(readSafetensors(writeSafetensors(new Map(tensors), {})).tensors, 'w.pth', 'tiny-1.pth');
}

describe('the weights of public networks', () => {
  test('come in device layout', () => {
    const weights = new FrozenWeights('tiny', file());
    NETWORK.define(weights);
    // Element [o, i, 0, x] is 6o + 2i + x in PyTorch's layout, and stands at [0, x, i, o] here.
    expect([...weights.set.initial('conv.weight')]).toEqual([0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11]);
    expect([...weights.set.initial('fc.weight')]).toEqual([0, 3, 1, 4, 2, 5]);
    expect(weights.set.get('conv.weight').shape).toEqual([1, 2, 3, 2]);
    NETWORK.define(weights);
    expect(weights.set.count).toBe(20);
    expect([...weights.shapes]).toEqual([...networkTensors(NETWORK, file())].map(([n, { shape }]) => [n, shape]));
  });

  test('may carry the prefix of PyTorch’s data-parallel wrapper', () => {
    expect(networkTensors(NETWORK, file({}, 'module.')).get('fc.bias')?.data).toEqual(count(2));
  });

  test.each<[string, Record<string, { shape: number[]; data: Float32Array } | undefined>, RegExp]>([
    ['is missing', { 'fc.bias': undefined }, /w\.pth has no tensor fc\.bias; it has .*It should be tiny-1\.pth/],
    ['has another shape', { 'fc.bias': { shape: [3], data: count(3) } }, /fc\.bias has the shape \[3\].* needs \[2\]/],
    [
      'holds NaN',
      { 'fc.bias': { shape: [2], data: Float32Array.of(0, Number.NaN) } },
      /element 1 of fc\.bias is NaN, which no trained/,
    ],
    ['is huge', { 'fc.bias': { shape: [2], data: Float32Array.of(-1e7, 0) } }, /element 0 of fc\.bias is -10000000/],
  ])('are refused when one %s', (_, change, message) => {
    expect(() => networkTensors(NETWORK, file(change))).toThrow(message);
  });

  test('are not part of the package, and a line says what to fetch', () => {
    expect(howToInstall(NETWORK)).toBe(
      'A tiny network is not installed: fetch tiny-1.pth (2.5 MB, example.org), then pose-gan weights tiny FILE',
    );
    const small = { ...NETWORK, files: [{ name: 'tiny-1.pth', bytes: 6009, source: 'example.org' }] };
    expect(howToInstall(small)).toContain('fetch tiny-1.pth (6.0 KB, example.org)');
  });
});

describe('weights by formula', () => {
  test('have the values that the formula gives in Python', () => {
    const u = formulaInput(11, 1001, 1);
    expect([u[0], u[1], u[1000]]).toEqual(PYTHON.input);
    expect([...formulaTensors(11)('fc.weight', [2, 3]).slice(0, 2)]).toEqual(PYTHON.weight.map(Math.fround));
    expect(formulaTensors(3)('a.bn.running_var', [6])[5]).toBe(Math.fround(PYTHON.variance));
    expect(formulaTensors(3)('L2Norm.weight', [2])[1]).toBe(Math.fround(PYTHON.scale));
  });
});
