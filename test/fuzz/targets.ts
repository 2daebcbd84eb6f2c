import { readFileSync, writeFileSync } from 'node:fs';
import jpeg from 'jpeg-js';
import { parseBench } from '../../src/bench/document.js';
import { parseAssignments, parseWorkgroups } from '../../src/bench/expression.js';
import { optionsIn } from '../../src/cli/options-file.js';
import { train } from '../../src/cli/train.js';
import { formatAnnotations, parseAnnotations } from '../../src/data/annotations.js';
import { kindOf } from '../../src/data/file-kind.js';
import { blank, type Image } from '../../src/data/image.js';
import { parsePairs } from '../../src/data/pairs.js';
import { readPth } from '../../src/data/pth.js';
import type { Open } from '../../src/data/range-reader.js';
import { readRemoteTensors } from '../../src/data/remote.js';
import { readSafetensors, type StoredTensor, toFloat64, writeSafetensors } from '../../src/data/safetensors.js';
import { Tuning } from '../../src/gpu/tuner.js';
import { readWgsl } from '../../src/gpu/wgsl.js';
import { fromCheckpoint } from '../../src/model/checkpoint.js';
import { modelConfig } from '../../src/model/config.js';
import { stateFileInfo } from '../../src/model/training-state.js';
import { importVgg19, readVgg19, writeVgg19 } from '../../src/model/vgg19.js';
import { readSkeleton } from '../../src/node/files.js';
import { decodeImage, encodePng, readImageHeader } from '../../src/node/images.js';
import { PoseReader } from '../../src/node/poses.js';
import { readTuning } from '../../src/node/tuning-files.js';
import { PERSON, type Pose } from '../../src/pose/skeleton.js';
import { untrained, untrainedState } from '../made-checkpoint.js';
import { standing } from '../person.js';
import { torchvision } from '../torchvision.js';
import { repairPng, repairZip } from './repair.js';

/** A parser of files from outside. */
export interface Target {
  readonly name: string;
  /** Valid files, which the fuzzer damages. */
  readonly examples: readonly Uint8Array[];
  /** Corrects checksums, so that damage passes the check of them. */
  readonly repair?: (bytes: Uint8Array) => Uint8Array;
  /** What an error must name if it is not a file. */
  readonly names?: string;
  /** Parses, and returns what is invalid about the value, if anything. */
  readonly parse: (bytes: Uint8Array, file: string) => string | undefined | Promise<string | undefined>;
}

const text = (s: string) => new TextEncoder().encode(s);
const fixture = (path: string) => new Uint8Array(readFileSync(`test/fixtures/${path}`));
const json = (value: unknown) => text(JSON.stringify(value));
const decoded = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Writes the input to the path, for parsers that read files. */
function stored(bytes: Uint8Array, path: string): string {
  writeFileSync(path, bytes);
  return path;
}

function picture(width: number, height: number): Image {
  const image = blank(width, height);
  for (let i = 0; i < image.data.length; i++) image.data[i] = (i * 37 + (i >> 4)) % 256;
  return image;
}

function encodeJpeg({ width, height, data }: Image): Uint8Array {
  const rgba = Buffer.alloc(4 * width * height, 255);
  for (let p = 0; p < width * height; p++) rgba.set(data.subarray(3 * p, 3 * p + 3), 4 * p);
  return jpeg.encode({ width, height, data: rgba }, 80).data;
}

/** Checks that an image has three bytes for each pixel. */
function imageFault({ width, height, data }: Image): string | undefined {
  return data.length === 3 * width * height ? undefined : `${width}×${height} pixels in ${data.length} bytes`;
}

/** Checks that a tensor has as many values as its shape says. */
function tensorFault(tensors: ReadonlyMap<string, StoredTensor>): string | undefined {
  for (const [name, tensor] of tensors) {
    const size = tensor.shape.reduce((a, b) => a * b, 1);
    if (toFloat64(tensor).length !== size) return `${name} has another number of values than [${tensor.shape}]`;
  }
  return undefined;
}

/** Checks that a pose has a finite point, or none, for each joint. */
function poseFault(pose: Pose): string | undefined {
  if (pose.length !== PERSON.joints.length) return `${pose.length} joints`;
  const odd = pose.find((p) => p && !(p.length === 2 && p.every(Number.isFinite)));
  return odd ? `the joint ${odd}` : undefined;
}

const KERNEL = `// y[i] = 2 x[i]
struct Params { count: u32, x_offset: u32, x_stride: u32, factor: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
override WIDTH = 64u; /* a comment // in a comment */
fn twice(v: f32) -> f32 { return 2.0 * v; }
@compute @workgroup_size(WIDTH) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= p.count) { return; }
  y[id.x] = twice(x[p.x_offset + id.x * p.x_stride]);
}
`;

/** Every parser of files from outside. */
export async function targets(): Promise<readonly Target[]> {
  const tiny = { ...modelConfig({ ablation: 'dsc' }), height: 32, width: 16, encoder: [3, 4], decoder: [4, 3] };
  const config = { ...tiny, deformedLevels: 1, dropoutBlocks: 1, discriminator: [3, 1] };
  const net = untrained(config, PERSON);
  const checkpoint = fromCheckpoint(net, 'net');
  const pose = standing();
  const table = text(
    formatAnnotations(
      new Map([
        ['a_1.png', pose],
        ['a_2.png', standing({ nose: null })],
      ]),
    ),
  );
  const openPose = { people: [{ pose_keypoints_2d: pose.flatMap((p) => (p ? [...p, 0.9] : [0, 0, 0])) }] };
  const named = Object.fromEntries(PERSON.joints.map((joint, i) => [joint, pose[i]]));
  const weights = torchvision(3);
  const file = writeSafetensors(weights);
  const small = writeSafetensors(
    new Map([
      ['a', { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
      ['b', { shape: [1], data: Float32Array.of(7) }],
    ]),
    { format: 'pt' },
  );
  const header = json({
    a: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
    b: { dtype: 'I64', shape: [1], data_offsets: [24, 32] },
  });
  const foreign = Uint8Array.from([header.length, 0, 0, 0, 0, 0, 0, 0, ...header, ...new Uint8Array(32).fill(63)]);
  const identity = { vendor: 'v', architecture: 'a', device: 'd', description: 'e' };
  const bench = JSON.parse(readFileSync('bench/results/2026-11-28-swiftshader-deformableSkip.json', 'utf8'));
  const tuning = new Tuning(identity);
  tuning.set('conv2d 4', { variant: 'tiled', rule: 'naive', times: { naive: 3, tiled: 2 } });
  return [
    {
      name: 'PNG',
      examples: [encodePng(picture(9, 7)), encodePng(picture(40, 3))],
      repair: repairPng,
      parse: (bytes, path) => imageFault(decodeImage(bytes, path)),
    },
    {
      name: 'JPEG',
      examples: [encodeJpeg(picture(24, 17)), encodeJpeg(picture(5, 40))],
      parse: (bytes, path) => imageFault(decodeImage(bytes, path)),
    },
    {
      name: 'image header',
      examples: [encodePng(picture(9, 7)), encodeJpeg(picture(24, 17))],
      parse: (bytes, path) => {
        const { width, height } = readImageHeader(stored(bytes, path));
        return width > 0 && height > 0 ? undefined : `${width}×${height}`;
      },
    },
    {
      name: 'safetensors',
      examples: [small, foreign],
      parse: (bytes, path) => tensorFault(readSafetensors(bytes, path).tensors),
    },
    {
      name: 'checkpoint',
      examples: [net],
      parse: (bytes, path) => tensorFault(fromCheckpoint(bytes, path).tensors),
    },
    {
      name: 'training state',
      examples: [untrainedState(config, net)],
      parse: (bytes, path) => {
        const { batch, orderSeed } = stateFileInfo(bytes, path, checkpoint);
        return batch >= 0 && orderSeed >= 0 ? undefined : `batch ${batch}, seed ${orderSeed}`;
      },
    },
    {
      name: 'PyTorch zip',
      examples: [fixture('torch/zip.pth')],
      repair: repairZip,
      parse: (bytes, path) => tensorFault(readPth(bytes, path)),
    },
    {
      name: 'PyTorch legacy',
      examples: [fixture('torch/legacy.pth')],
      parse: (bytes, path) => tensorFault(readPth(bytes, path)),
    },
    {
      name: 'VGG-19 installed',
      examples: [writeVgg19(importVgg19(readSafetensors(file).tensors, 'vgg'), 'vgg')],
      parse: (bytes, path) => {
        const { weights: found, gain } = readVgg19(bytes, path);
        return found.size === weights.size && gain > 0 ? undefined : `${found.size} weights, gain ${gain}`;
      },
    },
    {
      name: 'annotations',
      examples: [table],
      parse: (bytes, path) => [...parseAnnotations(decoded(bytes), path, PERSON).values()].map(poseFault).find(Boolean),
    },
    {
      name: 'pairs',
      examples: [text('from,to\na_1.png,a_2.png\na_2.png,a_1.png\n')],
      parse: (bytes, path) =>
        parsePairs(decoded(bytes), path).pairs.every(([a, b]) => a && b && a !== b) ? undefined : 'a bad pair',
    },
    {
      name: 'pose',
      examples: [json(pose), json(named), json(openPose)],
      parse: (bytes, path) => poseFault(new PoseReader(PERSON).read(stored(bytes, `${path}.json`), 'a_1.png').pose),
    },
    {
      name: 'skeleton',
      examples: [json(PERSON)],
      parse: (bytes, path) => (readSkeleton(stored(bytes, path)).parts.length ? undefined : 'no parts'),
    },
    {
      name: 'run options',
      examples: [json({ data: 'data', name: 'synth', width: 0.25, batch: 4, resize: true })],
      parse: (bytes, path) => {
        const values = optionsIn(stored(bytes, path), train.options);
        const strange = Object.keys(values).find((name) => !Object.hasOwn(train.options, name));
        return strange && `the option ${strange}`;
      },
    },
    {
      name: 'tuning',
      examples: [json(tuning)],
      parse: (bytes, path) => (readTuning(stored(bytes, path)).size >= 0 ? undefined : 'no size'),
    },
    {
      name: 'benchmark',
      examples: [json({ ...bench, rows: bench.rows.slice(0, 2), composed: [] })],
      parse: (bytes, path) => (parseBench(decoded(bytes), path).rows.length >= 0 ? undefined : 'no rows'),
    },
    {
      name: 'range reader',
      examples: [small, foreign],
      names: 'http://example.org/weights',
      parse: async (bytes) => {
        // This server has the input as its file, and answers some ranges with others.
        const shift = bytes[bytes.length >> 1] === 7 ? 1 : 0;
        const open: Open = async (_, headers) => {
          const [, from = 0, to = 0] = (/bytes=(\d+)-(\d+)/.exec(headers.Range ?? '') ?? []).map(Number);
          const part = bytes.subarray(from + shift, to + 1 + shift);
          const range = `bytes ${from}-${from + part.length - 1}/${bytes.length}`;
          const body = (async function* () {
            yield part;
          })();
          return {
            status: 206,
            statusText: 'Partial Content',
            header: (name) => (/content-range/i.test(name) ? range : null),
            body,
          };
        };
        const { tensors } = await readRemoteTensors('http://example.org/weights', (names) => names, { open });
        return tensorFault(tensors);
      },
    },
    {
      name: 'WGSL',
      examples: [text(KERNEL)],
      parse: (bytes, path) => (readWgsl(path, decoded(bytes)).entryPoint ? undefined : 'no entry point'),
    },
    {
      name: 'expressions',
      examples: [text('A = ceil(y.rows / 64), B = 3 * (x.channels + 1) % 7'), text('grid(y.rows * y.channels, 64)')],
      names: '--option',
      parse: (bytes) => {
        const source = decoded(bytes);
        if (source.includes('=')) parseAssignments('--option', source);
        else parseWorkgroups('--option', source, 65535);
        return undefined;
      },
    },
    {
      name: 'file kind',
      examples: [
        small,
        fixture('torch/zip.pth'),
        encodePng(picture(3, 3)),
        text('<!DOCTYPE html><html></html>'),
        table,
      ],
      parse: (bytes) => {
        const kind = kindOf(bytes);
        return kind === undefined || kind.length > 2 ? undefined : `the kind "${kind}"`;
      },
    },
  ];
}
