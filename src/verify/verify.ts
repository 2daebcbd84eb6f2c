import { vectorJacobian } from '../autograd/gradients.js';
import { input } from '../autograd/leaves.js';
import type { Tensor, TensorData } from '../autograd/tensor.js';
import { compile } from '../compiler/compile.js';
import { withFileKind } from '../data/file-kind.js';
import { readSafetensors, type Safetensors, toFloat64 } from '../data/safetensors.js';
import type { Engine } from '../gpu/engine.js';
import { UsageError } from '../gpu/errors.js';
import type { Nd } from '../kernels/oracle.js';
import {
  type Comparison,
  type FixtureFile,
  type FixtureReader,
  type FixtureRun,
  UnsupportedFixture,
} from '../kernels/room.js';
import { fixtureReaders } from '../kernels/rooms.js';

import { adam } from './adam.js';
import { geometry } from './geometry.js';
import { inception } from './inception.js';
import { detections, ssd } from './ssd.js';
import { training } from './training.js';

/** The largest accepted error, relative to the largest value: max |got − want| / max |want|. */
export const TOLERANCE = 1e-4;

export type Verdict =
  | { status: 'passed' | 'failed'; error: number; worst: string }
  | { status: 'unsupported'; reason: string }
  | { status: 'failed'; reason: string };

/** Runs one reference file on the engine and compares every result and gradient in it. */
export async function verifyFile(engine: Engine, name: string, bytes: Uint8Array): Promise<Verdict> {
  try {
    const file = parse(name, bytes);
    const reader = fixtureReaders.get(file.op) ?? otherReaders[file.op];
    if (!reader) throw new UnsupportedFixture(file.op ? `no reader for op ${file.op}` : 'the metadata names no op');
    const run = reader(file);
    const results = 'check' in run ? await run.check(engine) : await runGraph(engine, run);
    return verdictOf(results);
  } catch (error) {
    if (error instanceof UnsupportedFixture) return { status: 'unsupported', reason: error.message };
    return { status: 'failed', reason: (error as Error).message };
  }
}

/** Readers of files that do more than apply one op to inputs. */
const otherReaders: Readonly<Record<string, FixtureReader>> = {
  adam,
  training,
  geometry,
  inception,
  ssd,
  ssd300_detections: detections,
};

/** A JSON file holds part geometry. A safetensors file names its op, or its preset if it holds whole training steps. */
function parse(name: string, bytes: Uint8Array): FixtureFile {
  if (name.endsWith('.json')) return parseJson(name, bytes);
  const { metadata, tensors } = safetensors(name, bytes);
  const training = metadata.op === undefined && metadata.preset !== undefined;
  return {
    op: training ? 'training' : (metadata.op ?? ''),
    attrs: training ? parseEach(metadata) : (JSON.parse(metadata.attrs ?? '{}') as Record<string, unknown>),
    names: [...tensors.keys()],
    has: (key) => tensors.has(key),
    tensor: (key): Nd => {
      const stored = tensors.get(key);
      if (!stored) throw new UsageError(`${name} has no tensor ${key}; it has ${[...tensors.keys()].join(', ')}`);
      return { shape: stored.shape, data: toFloat64(stored) };
    },
  };
}

function safetensors(name: string, bytes: Uint8Array): Safetensors {
  try {
    return readSafetensors(bytes, name);
  } catch (error) {
    throw withFileKind(error, bytes, name);
  }
}

function parseEach(metadata: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(metadata).map(([k, v]) => [k, /^[[{]/.test(v) ? JSON.parse(v) : v]));
}

function parseJson(name: string, bytes: Uint8Array): FixtureFile {
  let attrs: Record<string, unknown>;
  try {
    attrs = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new UsageError(`${name} is not JSON: ${(error as Error).message}`);
  }
  if (!Array.isArray(attrs?.pairs)) throw new UnsupportedFixture('a JSON file without "pairs" of poses');
  const tensor = () => {
    throw new UsageError(`${name} has no tensors`);
  };
  return { op: 'geometry', attrs, names: [], has: () => false, tensor };
}

type Results = Readonly<Record<string, Comparison>>;

async function runGraph(engine: Engine, run: FixtureRun): Promise<Results> {
  const leaves: Record<string, Tensor> = {};
  const feeds: Record<string, TensorData> = {};
  for (const [name, x] of Object.entries(run.inputs)) {
    const dtype = run.dtypes?.[name] ?? 'f32';
    leaves[name] = input(name, x.shape, dtype);
    feeds[name] = dtype === 'u32' ? Uint32Array.from(x.data) : Float32Array.from(x.data);
  }
  const built = run.build(leaves);
  const outputs: Record<string, Tensor> = {};
  for (const name of Object.keys(run.expected)) if (!name.startsWith('g_')) outputs[name] = known(built[name], name);
  const sources = Object.keys(run.expected).filter((n) => n.startsWith('g_'));
  if (sources.length) {
    const upstream = Object.entries(run.upstream ?? {});
    const ys = upstream.map(([y]) => y);
    const gys = upstream.map(([y, gy]) => {
      feeds[`upstream ${y}`] = Float32Array.from(gy.data);
      return input(`upstream ${y}`, gy.shape);
    });
    const wanted = sources.map((g) => known(leaves[g.slice(2)], g));
    const gs = vectorJacobian(
      ys.map((y) => known(built[y], y)),
      gys,
      wanted,
    );
    for (const [i, g] of sources.entries()) outputs[g] = gs[i] as Tensor;
  }
  const plan = await compile(engine, outputs);
  try {
    plan.run(Object.fromEntries(Object.entries(feeds).filter(([n]) => plan.inputNames.includes(n))));
    const results: Record<string, { got: ArrayLike<number>; want: ArrayLike<number> }> = {};
    for (const [name, t] of Object.entries(outputs))
      results[name] = { got: await plan.read(t), want: (run.expected[name] as Nd).data };
    return results;
  } finally {
    plan.destroy();
  }
}

function known(t: Tensor | undefined, name: string): Tensor {
  if (!t) throw new UsageError(`the reader of this file builds no ${name}`);
  return t;
}

/** The result that is closest to its limit, or furthest beyond it, decides the verdict. */
function verdictOf(results: Results): Verdict {
  let error = 0;
  let worst = '';
  let share = -1;
  for (const [name, c] of Object.entries(results)) {
    const e = 'error' in c ? c.error : relativeError(c.got, c.want);
    const s = e / ('error' in c ? c.limit : (c.tolerance ?? TOLERANCE));
    if (s <= share) continue;
    [error, worst, share] = [e, name, Number.isNaN(s) ? Number.POSITIVE_INFINITY : s];
  }
  if (worst === '') return { status: 'failed', reason: 'the file holds nothing to compare' };
  return { status: share <= 1 ? 'passed' : 'failed', error, worst };
}

/** max |got − want| / max |want|, or infinity if a value is not finite or the numbers of values differ. */
export function relativeError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < want.length; i++) {
    if (!Number.isFinite(got[i] as number)) return Number.POSITIVE_INFINITY;
    difference = Math.max(difference, Math.abs((got[i] as number) - (want[i] as number)));
    largest = Math.max(largest, Math.abs(want[i] as number));
  }
  return difference === 0 ? 0 : difference / largest;
}
