import type { StoredTensor } from '../data/safetensors.js';
import { type TorchTensors, tensorsOfFile } from './frozen-weights.js';

/** The order in which weights take the colours of a pixel. */
export type ChannelOrder = 'RGB' | 'BGR';

/** Caffe's names of VGG's layers, and their numbers in the PyTorch port, which counts ReLUs and pools as well. */
const VGG = {
  ...{ conv1_1: 0, conv1_2: 2, conv2_1: 5, conv2_2: 7, conv3_1: 10, conv3_2: 12, conv3_3: 14 },
  ...{ conv4_1: 17, conv4_2: 19, conv4_3: 21, conv5_1: 24, conv5_2: 26, conv5_3: 28, fc6: 31, fc7: 33 },
} as const;
/** Caffe's names of the layers that the port numbers from 0 on. */
const EXTRAS = ['conv6_1', 'conv6_2', 'conv7_1', 'conv7_2', 'conv8_1', 'conv8_2', 'conv9_1', 'conv9_2'];
const SOURCES = ['conv4_3_norm', 'fc7', 'conv6_2', 'conv7_2', 'conv8_2', 'conv9_2'];

/** Caffe's names of layers by the port's. */
const CAFFE_NAMES: ReadonlyMap<string, string> = new Map([
  ...Object.entries(VGG).map(([caffe, port]): [string, string] => [`vgg.${port}`, caffe]),
  ...EXTRAS.map((caffe, i): [string, string] => [`extras.${i}`, caffe]),
  ...SOURCES.map((caffe, i): [string, string] => [`loc.${i}`, `${caffe}_mbox_loc`]),
  ...SOURCES.map((caffe, i): [string, string] => [`conf.${i}`, `${caffe}_mbox_conf`]),
  ['L2Norm', 'conv4_3_norm'],
]);

/** The name in a converted Caffe file of a tensor that the port calls `name`, such as `conv1_1.weight` for `vgg.0.weight`. */
export function caffeName(name: string): string {
  const dot = name.lastIndexOf('.');
  return `${CAFFE_NAMES.get(name.slice(0, dot)) ?? name.slice(0, dot)}${name.slice(dot)}`;
}

/**
 * The port also publishes Caffe's weights with its own names of tensors. Nothing but the file's name tells the two files apart, because
 * both networks began as the same VGG-16.
 */
const CAFFE_FILE = /ssd_300_VOC0712[^/\\]*$/i;

/**
 * The tensors of a file with SSD300's weights, by the PyTorch port's names, for images in RGB. The file has the port's names, or those of
 * Caffe's layers (`conv1_1.weight`, `conv4_3_norm_mbox_loc.bias`, …) in Caffe's layout, which is also PyTorch's. `order` says how its
 * weights take the colours. By default it is RGB for the port's names and BGR for Caffe's and for `ssd_300_VOC0712.pth`, which are
 * Caffe's weights; the channels of the first convolution are then reversed. Errors are those of `tensorsOfFile`.
 */
export function ssdTensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  file: string,
  wanted: string,
  order?: ChannelOrder,
): TorchTensors {
  const caffe = [...tensors.keys()].some((name) => name.endsWith('conv1_1.weight'));
  const usual = caffe || CAFFE_FILE.test(file) ? 'BGR' : 'RGB';
  const stored = tensorsOfFile(tensors, file, wanted);
  return (name, shape) => {
    const values = stored(caffe ? caffeName(name) : name, shape);
    return name === 'vgg.0.weight' && (order ?? usual) === 'BGR' ? reversed(values, shape) : values;
  };
}

/** Weights [out, in, height, width] with their input channels in reverse order. */
function reversed(
  weights: Float32Array,
  [out = 0, inputs = 0, height = 0, width = 0]: readonly number[],
): Float32Array {
  const taps = height * width;
  const result = new Float32Array(weights.length);
  for (let o = 0; o < out; o++)
    for (let i = 0; i < inputs; i++) {
      const from = (o * inputs + i) * taps;
      result.set(weights.subarray(from, from + taps), (o * inputs + inputs - 1 - i) * taps);
    }
  return result;
}
