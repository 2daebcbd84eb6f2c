import { readFileSync } from 'node:fs';
import type { KernelOptions } from '../src/bench/user-kernel.js';

/** Kernels from which tests make faulty ones, each by one replacement. */

export const CONV = readFileSync('shaders/conv2d/naive.wgsl', 'utf8');
/** The sum of x by workgroups, each with a tree of additions in workgroup memory. */
export const TREE = `struct Params { mid: u32, inner: u32, channels: u32, factor: f32, x_offset: u32, x_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
const LANES = 64u;
var<workgroup> s: array<f32, LANES>;
@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) l: u32) {
  var part = 0.0;
  for (var m = l; m < p.mid; m += LANES) {
    let i = (group.x / p.inner * p.mid + m) * p.inner + group.x % p.inner;
    part += x[p.x_offset + i / p.channels * p.x_stride + i % p.channels];
  }
  s[l] = part;
  workgroupBarrier();
  for (var step = LANES / 2u; step > 0u; step /= 2u) {
    if (l < step) { s[l] += s[l + step]; }
    workgroupBarrier();
  }
  if (l == 0u) { y[group.x] = p.factor * s[0]; }
}`;
/** The sum of x by chunks of 64 elements, which pass through workgroup memory. */
export const CHUNKS = TREE.replace(/ {2}for \(var m[\s\S]*\n}/, '').concat(`
  for (var m = 0u; m < p.mid; m += LANES) {
    s[l] = 0.0;
    if (m + l < p.mid) {
      let i = (group.x / p.inner * p.mid + m + l) * p.inner + group.x % p.inner;
      s[l] = x[p.x_offset + i / p.channels * p.x_stride + i % p.channels];
    }
    workgroupBarrier();
    if (l == 0u) { for (var j = 0u; j < LANES; j++) { part += s[j]; } }
    workgroupBarrier();
  }
  if (l == 0u) { y[group.x] = p.factor * part; }
}`);
/** The sum of x in three dispatches; in the second, four workgroups add their parts to one element. */
export const SPLIT = `struct Params { count: u32, mid: u32, inner: u32, channels: u32, factor: f32, x_offset: u32, x_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> part: array<f32>;
@compute @workgroup_size(1)
fn zero(@builtin(workgroup_id) group: vec3u) { part[group.x] = 0.0; }
@compute @workgroup_size(1)
fn add(@builtin(workgroup_id) group: vec3u) {
  var sum = 0.0;
  for (var m = group.y; m < p.mid; m += 4u) {
    let i = (group.x / p.inner * p.mid + m) * p.inner + group.x % p.inner;
    sum += x[p.x_offset + i / p.channels * p.x_stride + i % p.channels];
  }
  part[group.x] += sum;
}
@compute @workgroup_size(1)
fn finish(@builtin(workgroup_id) group: vec3u) { y[group.x] = p.factor * part[group.x]; }`;

export const GRID = 'grid(y.rows * y.channels, 64)';
export const SUM = 'sum: all of 3×5×7×3';
export const LAYER = 'conv2d: 2×5×3×3';

/** A text with one replacement, which must be possible. */
export function replaced(text: string, from: string | RegExp, to: string): string {
  const code = text.replace(from, to);
  if (code === text) throw new Error(`nothing to replace: ${from}`);
  return code;
}

export const conv = (from: string | RegExp, to: string, more: Partial<KernelOptions> = {}): KernelOptions => ({
  ...{ op: 'conv2d', sources: [{ name: 'my.wgsl', code: replaced(CONV, from, to), workgroups: GRID }] },
  ...more,
});
export const sum = (code: string): KernelOptions => ({
  ...{ op: 'sum', sources: [{ name: 'my.wgsl', code, workgroups: 'y.rows * y.channels' }] },
});
/** The convolution with its sums in a scratch buffer that is a quarter too small. */
export function smallScratch(): KernelOptions {
  const declared = replaced(
    CONV,
    '@compute',
    '@group(0) @binding(5) var<storage, read_write> s: array<f32>;\n@compute',
  );
  const code = replaced(declared, /(y\[.*\]) = sum;/, 's[index] = sum; $1 = s[index];');
  const scratch = 's = ceil(y.rows * y.channels * 3 / 4)';
  return { op: 'conv2d', scratch, sources: [{ name: 'my.wgsl', code, workgroups: GRID }] };
}

/** The place of an element of w behind its last. */
export const PAST = 'w[p.w_offset + p.KH * p.KW * p.C * p.O + o]';
