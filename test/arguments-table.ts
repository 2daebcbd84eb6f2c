import { IDBFactory } from 'fake-indexeddb';
import * as browser from '../src/browser.js';
import { binaryOps, unaryOps } from '../src/kernels/elementwise/ops.js';
import * as model from '../src/model.js';
import * as node from '../src/node.js';
import { standing } from './person.js';
import { config, picture } from './untrained.js';

/** A function that is called as plain JavaScript would call it. */
type Call = (...args: readonly unknown[]) => unknown;
/** A function and a full list of valid arguments for it, of which the last may be options. */
export interface Row {
  readonly call: Call;
  readonly args: readonly unknown[];
}

/** No function accepts an object of this class. */
class Strange {}
export const strange = new Strange();

export const x = node.input('x', [1, 4, 4, 2]);
export const y = node.input('y', [1, 4, 4, 2]);
export const w = node.input('w', [3, 3, 2, 2]);
export const vector = node.input('vector', [2]);
const random = new node.Random(1);
export const trained = () => {
  const set = new node.ParameterSet('set');
  set.parameter('p', [2], () => 0);
  return set;
};
export const skeleton = model.PERSON;
const drawing = { trainIdentities: 1, testIdentities: 1, imagesPerIdentity: 2, height: 32, width: 16, seed: 1 };

export const made = <A extends readonly never[]>(of: new (...args: A) => unknown): Call =>
  ((...args: A) => new of(...args)) as unknown as Call;
export const plain = (f: unknown): Call => f as Call;

/** Lists every exported function that takes options, or numbers whose order is easy to confuse. */
export function rows(engine: node.Engine): Record<string, Row> {
  const of = (f: unknown, ...args: readonly unknown[]): Row => ({ call: plain(f), args });
  const { generator } = { generator: trained() };
  const weights = new Map([['p', new Float32Array(2)]]);
  const storage = node.ParameterStorage.of(engine, generator);
  const adam = new node.Adam(trained());
  const pair = { image: picture(1), pose: standing(), target: standing() };
  const affine = node.input('affine', [1, 3, 6]);
  const masks = node.input('mask', [1, 4, 4], 'u32');
  const functions: Readonly<Record<string, unknown>> = node;
  const each = (names: readonly string[], ...args: readonly unknown[]) =>
    Object.fromEntries(names.map((name) => [name, of(functions[name], ...args)]));
  return {
    ...each([...Object.keys(unaryOps), 'copy', 'detach', 'logSoftmax', 'softmax'], x),
    ...each([...Object.keys(binaryOps), 'l1'], x, y),
    addScalar: of(node.addScalar, x, 1),
    affineWarp: of(node.affineWarp, x, affine, {}),
    avgPool2d: of(node.avgPool2d, x, { kernel: 2 }),
    batchNorm: of(node.batchNorm, x, { mean: vector, variance: vector }),
    bceWithLogits: of(node.bceWithLogits, x, 1),
    broadcast: of(node.broadcast, vector, [3, 2], 'rows', 1),
    constantSchedule: of(node.constantSchedule, 1),
    constantValue: of(node.constantValue, 1),
    cosineDecaySchedule: of(node.cosineDecaySchedule, { initValue: 1, decaySteps: 2 }),
    exponentialDecay: of(node.exponentialDecay, { initValue: 1, transitionSteps: 1, decayRate: 0.5 }),
    foldBatchNorm: of(node.foldBatchNorm, new Float32Array(2), new Float32Array(1), {
      mean: new Float32Array(1),
      variance: new Float32Array(1),
    }),
    glorotNormal: of(node.glorotNormal, 1, {}),
    glorotUniform: of(node.glorotUniform, 1, {}),
    heNormal: of(node.heNormal, 1, {}),
    heUniform: of(node.heUniform, 1, {}),
    linearSchedule: of(node.linearSchedule, { initValue: 1, endValue: 0, transitionSteps: 1 }),
    load: of(node.load, engine, new Uint8Array(8), generator, {}),
    loadNet: of(node.loadNet, 'net.safetensors', engine, generator, {}),
    save: of(node.save, engine, generator),
    saveNet: of(node.saveNet, '/dev/null', engine, generator),
    normal: of(node.normal, 1, {}),
    piecewiseConstantSchedule: of(node.piecewiseConstantSchedule, { initValue: 1, boundariesAndScales: {} }),
    warmupCosineDecaySchedule: of(node.warmupCosineDecaySchedule, {
      ...{ initValue: 0, peakValue: 1, warmupSteps: 1, decaySteps: 2 },
    }),
    uniform: of(node.uniform, 1, {}),
    clipByGlobalNorm: of(node.clipByGlobalNorm, [x], 1),
    compile: of(node.compile, engine, { x: node.relu(x) }, {}),
    concat: of(node.concat, [x, y]),
    concatBatch: of(node.concatBatch, [x, y]),
    constant: of(node.constant, [1, 2], [2], 'name'),
    conv2d: of(node.conv2d, x, w, {}),
    convTranspose2d: of(node.convTranspose2d, x, w, {}),
    crossEntropy: of(node.crossEntropy, x, node.input('labels', [1, 4, 4], 'u32'), {}),
    deformableSkip: of(node.deformableSkip, x, affine, masks, {}),
    dropout: of(node.dropout, x, random, 0.5),
    flatten: of(node.flatten, x, {}),
    globalNorm: of(node.globalNorm, [x]),
    gradients: of(node.gradients, node.sum(x), [x]),
    heatMaps: of(node.heatMaps, node.input('joints', [1, 3, 2]), { height: 4, width: 4 }),
    input: of(node.input, 'name', [2], 'f32'),
    instanceNorm: of(node.instanceNorm, x, vector, vector, {}),
    leakyRelu: of(node.leakyRelu, x, 0.1),
    linear: of(node.linear, x, node.input('w', [2, 3]), node.input('b', [3])),
    matmul: of(node.matmul, node.input('a', [5, 2]), node.input('b', [2, 3])),
    maxPool2d: of(node.maxPool2d, x, { kernel: 2 }),
    mean: of(node.mean, x, 'all'),
    nearestNeighbourDistance: of(node.nearestNeighbourDistance, x, y, { window: 3 }),
    noise: of(node.noise, random, [2]),
    open: of(node.open, {}),
    partMasks: of(node.partMasks, node.input('planes', [1, 3, 12]), { height: 4, width: 4 }),
    plannedCalls: of(node.plannedCalls, engine, { x: node.relu(x) }, {}),
    reshape: of(node.reshape, x, [16, 2]),
    resize2d: of(node.resize2d, x, { scale: 2 }),
    scale: of(node.scale, x, 2),
    slice: of(node.slice, x, 0, 1),
    splitBatch: of(node.splitBatch, x, [1]),
    sum: of(node.sum, x, 'all'),
    tile: of(node.tile, node.input('z', [1, 2]), 2, 2),
    tune: of(node.tune, engine, [], {}),
    adapters: of(node.adapters),
    loadTuning: of(node.loadTuning, engine.adapter),
    readTuning: of(node.readTuning, 'tuning.json', engine.adapter),
    saveTuning: of(node.saveTuning, new node.Tuning(engine.adapter), '/dev/null'),
    tuningPath: of(node.tuningPath, engine.adapter),
    Tuning: { call: made(node.Tuning), args: [engine.adapter, '0.1.0'] },
    'loadTuning of a page': of(browser.loadTuning, engine.adapter, new IDBFactory()),
    'saveTuning of a page': of(browser.saveTuning, new node.Tuning(engine.adapter), new IDBFactory()),
    'open of a page': of(browser.open, {}),
    filterBank: of(model.filterBank),
    uniformNoise: of(node.uniformNoise, random, [2]),
    vectorJacobian: of(node.vectorJacobian, [x], [y], [x]),
    Adam: { call: made(node.Adam), args: [trained(), {}] },
    AdamW: { call: made(node.AdamW), args: [trained(), {}] },
    SGD: { call: made(node.SGD), args: [trained(), {}] },
    'Adam.apply': of(adam.apply.bind(adam), [vector]),
    'Adam.minimize': of(adam.minimize.bind(adam), node.sum(x)),
    Engine: { call: made(node.Engine), args: [engine.device, {}] },
    ParameterSet: { call: made(node.ParameterSet), args: ['name'] },
    'ParameterSet.parameter': of(
      (...args: [string, number[], () => number]) => new node.ParameterSet('s').parameter(...args),
      'p',
      [1],
      () => 0,
    ),
    'ParameterSet.read': of(generator.read.bind(generator), engine),
    'ParameterSet.write': of(generator.write.bind(generator), engine, weights),
    ParameterStorage: of(node.ParameterStorage.of, engine, generator, []),
    'ParameterStorage.write': of(storage.write.bind(storage), weights),
    Random: { call: made(node.Random), args: [1, { rank: 0, size: 2 }] },
    Batches: {
      call: made(model.Batches),
      args: [{ pairs: new Uint32Array(2) }, () => null, { batch: 1, geometry: 'rectangles' }],
    },
    Generator: of(model.Generator.create, engine, config, 1, {}),
    Trainer: of(model.Trainer.create, engine, { config, seed: 1 }),
    Vgg: { call: made(model.Vgg), args: [new Map()] },
    drawSynthetic: of(model.drawSynthetic, { seed: 1, identity: 1, index: 0, height: 32, width: 16 }),
    drawnSource: of(model.drawnSource, 'people', drawing, () => {}),
    frameOf: of(model.frameOf, { info: { config, skeleton } }),
    fromCheckpoint: of(model.fromCheckpoint, new Uint8Array(8), 'file'),
    fromStateFile: of(
      model.fromStateFile,
      new Uint8Array(8),
      'file',
      { info: {} },
      { generator, discriminator: generator },
    ),
    fromTensor: of(model.fromTensor, new Float32Array(12), 2, 2, 0),
    generateList: of(model.generateList, { generate: () => null }, skeleton, [pair]),
    generatorParameters: of(model.generatorParameters, { info: { config } }),
    modelConfig: of(model.modelConfig, {}),
    openDataset: of(
      model.openDataset,
      { readText: () => '' },
      { name: 'd', split: 'train', height: 2, width: 2, skeleton },
    ),
    pairData: of(model.pairData, config, skeleton, [pair]),
    resize: of(model.resize, picture(1), 2, 2),
    synthDataset: of(model.synthDataset, drawing),
    toCheckpoint: of(
      model.toCheckpoint,
      { generator, discriminator: generator },
      { generator: weights, discriminator: weights },
      { config, recipe: {}, skeleton, step: 1, seed: 1, features: 'none' },
    ),
    toStateFile: of(
      model.toStateFile,
      { generator, discriminator: generator },
      {
        generator: weights,
        discriminator: weights,
        moments: {
          'generator.m': weights,
          'generator.v': weights,
          'discriminator.m': weights,
          'discriminator.v': weights,
        },
        step: 1,
        randomStep: 1,
      },
      { orderSeed: 1, batch: 1 },
      new Uint8Array(8),
    ),
    toTensor: of(model.toTensor, picture(1), new Float32Array(64 * 32 * 3), 0),
    weightsOf: of(model.weightsOf, { info: {} }, { generator }),
  };
}

/**
 * Exports that the table leaves out. They take no options and check their arguments themselves, or are tools for
 * authors of kernels.
 */
export const OTHERS = new Set(
  'apply defineOp grid onlyKernel readShader shader vec4Ready parseSkeleton describeNonFinite ones zeros'.split(' '),
);
