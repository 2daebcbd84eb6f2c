import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { main } from '../src/cli/main.js';
import { writeSafetensors } from '../src/data/safetensors.js';
import { LPIPS } from '../src/evaluation/lpips-scorer.js';
import { NETWORKS } from '../src/evaluation/network-metrics.js';
import type { PublicNetwork } from '../src/evaluation/public-network.js';
import { UsageError } from '../src/gpu/errors.js';
import { findNetwork, installNetwork } from '../src/node/public-weights.js';
import { findScorers } from '../src/node/scorers.js';

const folder = mkdtempSync(join(tmpdir(), 'public-weights-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

const tiny: PublicNetwork = {
  ...{ key: 'tiny', title: 'A tiny network' },
  files: [{ name: 'tiny.safetensors', bytes: 500, source: 'example.org' }],
  define: (weights) => {
    weights.linear('fc.weight', [2, 3]);
    weights.vector('fc.bias', 2);
  },
};
const tensor = (shape: number[], first = 0) => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => first + i),
});
const TENSORS = { 'fc.weight': tensor([2, 3]), 'fc.bias': tensor([2], 7), other: tensor([100]) };

function write(name: string, tensors: Record<string, ReturnType<typeof tensor>> = TENSORS): string {
  const path = join(folder, name);
  writeFileSync(path, writeSafetensors(new Map(Object.entries(tensors))));
  return path;
}

test('a network is installed from a file, of which only its own tensors are kept, and found again', () => {
  const to = join(folder, 'installed');
  expect(findNetwork(tiny, to)).toBeUndefined();
  const { path, source, bytes } = installNetwork(tiny, write('w.safetensors'), to);
  expect([path, source]).toEqual([join(to, 'tiny.safetensors'), 'w.safetensors']);
  expect(readFileSync(path)).toHaveLength(bytes);
  const found = findNetwork(tiny, to);
  expect(found).toMatchObject({ path, source, bytes });
  const { set } = found?.load() ?? {};
  expect(set?.names).toEqual(['fc.weight', 'fc.bias']);
  expect([...(set?.initial('fc.weight') ?? [])]).toEqual([0, 3, 1, 4, 2, 5]);
});

test('the digest in a file’s name is checked', () => {
  const bytes = readFileSync(write('w.safetensors'));
  const digest = createHash('sha256').update(bytes).digest('hex');
  const right = join(folder, `w-${digest.slice(0, 8)}.safetensors`);
  writeFileSync(right, bytes);
  expect(installNetwork(tiny, right, join(folder, 'digest')).source).toBe(`w-${digest.slice(0, 8)}.safetensors`);
  const wrong = join(folder, 'w-0123abcd.safetensors');
  writeFileSync(wrong, bytes);
  expect(() => installNetwork(tiny, wrong, join(folder, 'digest'))).toThrow(
    /w-0123abcd\.safetensors is damaged or is another file: its SHA-256 begins with .* but its name says 0123abcd/,
  );
  const checkpoint = join(folder, 'checkpoint-00000004.safetensors');
  writeFileSync(checkpoint, bytes);
  expect(installNetwork(tiny, checkpoint, join(folder, 'digest')).source).toBe('checkpoint-00000004.safetensors');
});

test('a file that was cut short is refused, by the size that was published or by its content', () => {
  const to = join(folder, 'cut');
  const cut = (name: string) => {
    const path = write(name);
    writeFileSync(path, readFileSync(path).subarray(0, 320));
    return path;
  };
  expect(() => installNetwork(tiny, cut('tiny.safetensors'), to)).toThrow(
    /tiny\.safetensors has 320 bytes, but the published file has 500: it is cut short\. Download it again\./,
  );
  expect(() => installNetwork(tiny, cut('x.safetensors'), to)).toThrow(
    /x\.safetensors is not a usable safetensors file: .*cut short/,
  );
  writeFileSync(join(folder, 'x.pth'), Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0, 0, 0));
  expect(() => installNetwork(tiny, join(folder, 'x.pth'), to)).toThrow(
    /x\.pth is not a usable PyTorch file: .*cut short/,
  );
  writeFileSync(join(folder, 'x.txt'), 'no weights');
  expect(() => installNetwork(tiny, join(folder, 'x.txt'), to)).toThrow(
    /neither a safetensors file nor one of PyTorch/,
  );
  expect(findNetwork(tiny, to)).toBeUndefined();
});

test('weights of another network are refused, and named if they are known', () => {
  const to = join(folder, 'other');
  const { 'fc.bias': bias, other } = TENSORS;
  expect(() =>
    installNetwork(tiny, write('y.safetensors', { 'fc.weight': tensor([3, 2]), 'fc.bias': bias }), to),
  ).toThrow(
    /y\.safetensors: the tensor fc\.weight has the shape \[3, 2\], but the network needs \[2, 3\]\. It should be A tiny network, as in tiny\.safetensors/,
  );
  expect(() => installNetwork(tiny, write('y.safetensors', { other }), to)).toThrow(
    /y\.safetensors has no tensor fc\.weight; it has other\. It should be A tiny network/,
  );
  const second: PublicNetwork = { ...tiny, key: 'second', title: 'Second', define: (w) => void w.vector('other', 100) };
  expect(() => installNetwork(tiny, write('y.safetensors', { other }), to, [tiny, second])).toThrow(
    /y\.safetensors has the weights of Second, not of A tiny network\. Fix: pose-gan weights second .*y\.safetensors/,
  );
});

test('weights of the same names and shapes are told apart by the size of their file', () => {
  const to = join(folder, 'versions');
  const file = write('version.safetensors');
  const files = [{ name: 'version.safetensors', bytes: readFileSync(file).length, source: 'example.org' }];
  const later: PublicNetwork = { ...tiny, key: 'later', title: 'Version 2', files };
  expect(() => installNetwork(tiny, file, to, [tiny, later])).toThrow(
    /version\.safetensors has \d+ bytes, as the file of Version 2 has, not that of A tiny network\. Fix: pose-gan weights later .*version/,
  );
  expect(installNetwork(later, file, to, [tiny, later]).source).toBe('version.safetensors');
  expect(installNetwork({ ...tiny, files }, file, to, [tiny, later]).source).toBe('version.safetensors');
});

test('a safetensors file whose header has a length that begins like a pickle is read', () => {
  // The text pads the header to 0x0280 bytes.
  const bytes = Array.from({ length: 640 }, (_, n) =>
    writeSafetensors(new Map(Object.entries(TENSORS)), { text: 'x'.repeat(n) }),
  ).find((file) => file[0] === 0x80 && file[1] === 2);
  const path = join(folder, 'like-a-pickle.safetensors');
  writeFileSync(path, bytes as Uint8Array);
  expect(installNetwork(tiny, path, join(folder, 'pickle')).source).toBe('like-a-pickle.safetensors');
});

test('installed weights that were damaged later are an error that says how to install them again', () => {
  const to = join(folder, 'later');
  const { path } = installNetwork(tiny, write('w.safetensors'), to);
  const bytes = readFileSync(path);
  bytes[bytes.length - 3] = 99;
  writeFileSync(path, bytes);
  expect(() => findNetwork(tiny, to)).toThrow(UsageError);
  expect(() => findNetwork(tiny, to)).toThrow(
    /the installed weights of A tiny network are damaged: .*fc\.bias.*Fix: pose-gan weights tiny FILE installs them again/,
  );
  writeFileSync(path, writeSafetensors(new Map([['fc.weight', TENSORS['fc.weight']]])));
  expect(() => findNetwork(tiny, to)?.load()).toThrow(
    /are damaged: .*has no tensor fc\.bias.*pose-gan weights tiny FILE/,
  );
});

test('pose-gan weights lists what each missing network needs, and refuses what does not fit', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  const problems = vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
  const to = ['--folder', join(folder, 'cli')];
  expect(await main(['weights', ...to])).toBe(0);
  const said = String(log.mock.lastCall?.[0]);
  for (const { key, title, files } of NETWORKS) {
    expect(said).toContain(`${key}: ${title} is not installed: fetch ${files[0]?.name} (`);
    expect(said).toContain(`then pose-gan weights ${key} FILE`);
  }
  expect(await main(['weights', '--json', ...to])).toBe(0);
  const { networks } = JSON.parse(String(log.mock.lastCall?.[0]));
  expect(Object.keys(networks)).toEqual(NETWORKS.map(({ key }) => key));
  const [first] = NETWORKS;
  expect(networks[first?.key ?? '']).toMatchObject({ installed: null, files: first?.files });
  for (const [words, message] of [
    [[first?.key ?? ''], /name a file: pose-gan weights .* FILE\. .* is not installed: fetch/],
    [[first?.key ?? '', 'x', '--style', 'caffe'], /--style is for vgg19 alone/],
    [[first?.key ?? '', write('z.safetensors')], /z\.safetensors has no tensor .*; it has .* It should be/],
    [['resnet', 'x'], /there are no weights "resnet" to install; known are vgg19, /],
  ] as const) {
    expect(await main(['weights', ...words, ...to])).toBe(2);
    expect(String(problems.mock.lastCall?.[0])).toMatch(message);
  }
});

test('a metric of two networks needs both, and says which is missing', () => {
  const to = join(folder, 'partly');
  const factors = LPIPS[1]?.networks[1] as PublicNetwork;
  const channels = [64, 192, 384, 256, 256];
  const tensors = channels.map((n, i) => [`lin${i}.model.1.weight`, tensor([1, n, 1, 1])] as const);
  installNetwork(factors, write('alex-factors.safetensors', Object.fromEntries(tensors)), to);
  const found = (without: string[] = []) => {
    const { missing, needsEngine } = findScorers({ weights: to, without, format: 'memory' });
    expect(needsEngine).toBe(false);
    return new Map(missing.map((m) => [m.key, m.missing]));
  };
  expect([...found().keys()]).toEqual([
    'lpips00alex',
    'lpips01alex',
    'lpips00vgg',
    'lpips01vgg',
    'is',
    'maskIs',
    'fid',
    'ds',
    'maskDs',
  ]);
  expect(found().get('lpips01alex')).toMatch(
    /^AlexNet of torchvision is not installed: fetch alexnet-[^ ]+ \(244 MB, [^ ]+\), then pose-gan weights alexnet FILE\.$/,
  );
  expect(found().get('lpips00alex')).toMatch(
    /^AlexNet .*FILE\. LPIPS 0\.0 for AlexNet is not installed: fetch alex\.pth \(5\.5 KB/,
  );
  expect(found(['inception']).get('fid')).toBe('inception: left out by --without.');
  expect(() => found(['resnet'])).toThrow(/--without resnet: there is no such network; known are alexnet, /);
});
