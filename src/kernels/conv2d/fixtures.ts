import { shown } from '../../gpu/arguments.js';
import { nchwToNhwc, oihwToHwio } from '../layout.js';
import { type FixtureFile, type FixtureRun, fixtureRun, UnsupportedFixture } from '../room.js';
import { conv2d, conv2dOp } from './conv2d.js';
import { pair, sides } from './convolution.js';
import type * as oracle from './oracle.js';

/** This file reads reference files of convolutions. Readers of other ops use some of its functions. */

/** Returns an attribute of a reference file that is a number or a list of numbers, or nothing if the file omits it. */
export function sizesOf({ attrs }: FixtureFile, name: string): number | readonly number[] | undefined {
  const value = attrs[name];
  if (value === undefined || typeof value === 'number') return value;
  if (Array.isArray(value) && value.every((v): v is number => typeof v === 'number')) return value;
  throw new Error(`attribute ${name} must be a number or a list of numbers, got ${shown(value)}`);
}

/**
 * Returns the window of a reference file. The arguments are the names that the library which wrote the file gives to
 * stride, padding and dilation. Their defaults are 1, 0 and 1.
 */
export function windowIn(file: FixtureFile, stride: string, pad: string, dilation: string): oracle.Window {
  return {
    stride: pair(file.op, stride, sizesOf(file, stride) ?? 1, 1),
    pad: sides(file.op, sizesOf(file, pad) ?? 0),
    dilation: pair(file.op, dilation, sizesOf(file, dilation) ?? 1, 1),
  };
}

/**
 * Returns the padding for ONNX's `auto_pad`, or nothing if the file gives the padding itself. SAME_UPPER and SAME_LOWER
 * pad so that there are ⌈size / stride⌉ windows. An odd pixel of padding lies at the end or at the beginning,
 * respectively.
 */
export function autoPad(
  file: FixtureFile,
  kernel: readonly [number, number],
  stride: readonly [number, number],
  dilation: readonly [number, number] = [1, 1],
): oracle.Window['pad'] | undefined {
  const { auto_pad = 'NOTSET' } = file.attrs;
  if (auto_pad === 'NOTSET') return undefined;
  if (auto_pad === 'VALID') return [0, 0, 0, 0];
  if (auto_pad !== 'SAME_UPPER' && auto_pad !== 'SAME_LOWER')
    throw new UnsupportedFixture(`${file.op} with auto_pad ${auto_pad}`);
  const [, , H = 0, W = 0] = file.tensor('input_0').shape;
  const along = (size: number, axis: 0 | 1) => {
    const last = (Math.ceil(size / stride[axis]) - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1;
    const all = Math.max(0, last - size);
    const before = auto_pad === 'SAME_LOWER' ? Math.ceil(all / 2) : Math.floor(all / 2);
    return [before, all - before] as const;
  };
  const [top, bottom] = along(H, 0);
  const [left, right] = along(W, 1);
  return [top, left, bottom, right];
}

/** Returns the window of an ONNX file. Throws `UnsupportedFixture` unless the images are two-dimensional. */
export function windowInOnnx(file: FixtureFile): oracle.Window {
  if (file.tensor('input_0').shape.length !== 4)
    throw new UnsupportedFixture(`${file.op} of images that are not two-dimensional`);
  return windowIn(file, 'strides', 'pads', 'dilations');
}

/** Reads a PyTorch file of a convolution, with its gradients. */
export function readTorch(file: FixtureFile): FixtureRun {
  const window = { ...windowIn(file, 'stride', 'pad', 'dilation'), groups: Number(file.attrs.groups ?? 1) };
  const biased = file.has('b');
  return fixtureRun(conv2dOp, {
    inputs: {
      x: nchwToNhwc(file.tensor('x')),
      w: oihwToHwio(file.tensor('w')),
      ...(biased && { bias: file.tensor('b') }),
    },
    build: ({ x, w, bias }) => ({ y: conv2d(x, w, { ...window, bias }) }),
    expected: {
      y: nchwToNhwc(file.tensor('y')),
      g_x: nchwToNhwc(file.tensor('g_x')),
      g_w: oihwToHwio(file.tensor('g_w')),
      ...(biased && { g_bias: file.tensor('g_b') }),
    },
    upstream: { y: nchwToNhwc(file.tensor('gy')) },
  });
}

/** Reads an ONNX Conv. */
export function readOnnx(file: FixtureFile): FixtureRun {
  const { shape } = file.tensor('input_1');
  const [, , KH = 0, KW = 0] = shape;
  const given = windowInOnnx(file);
  const window = {
    ...given,
    pad: autoPad(file, [KH, KW], given.stride, given.dilation) ?? given.pad,
    groups: Number(file.attrs.group ?? 1),
  };
  return fixtureRun(conv2dOp, {
    inputs: {
      x: nchwToNhwc(file.tensor('input_0')),
      w: oihwToHwio(file.tensor('input_1')),
      ...(file.has('input_2') && { bias: file.tensor('input_2') }),
    },
    build: ({ x, w, bias }) => ({ y: conv2d(x, w, { ...window, bias }) }),
    expected: { y: nchwToNhwc(file.tensor('output_0')) },
  });
}
