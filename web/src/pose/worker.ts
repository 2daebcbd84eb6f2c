import { open } from '../../../src/browser.js';
import { withFileKind } from '../../../src/data/file-kind.js';
import { fromTensor } from '../../../src/data/image.js';
import { SYNTH_OBJECTS } from '../../../src/data/synth-object.js';
import type { Engine } from '../../../src/gpu/engine.js';
import { UsageError } from '../../../src/gpu/errors.js';
import { ParameterStorage } from '../../../src/gpu/parameter-storage.js';
import { type Checkpoint, fromCheckpoint } from '../../../src/model/checkpoint.js';
import { inspectPair } from '../../../src/model/inspection.js';
import { generatorParameters, type PosePair, pairData } from '../../../src/model/pairs.js';
import { Generator } from '../../../src/model/trainer.js';
import { serve } from '../rpc.js';
import { insideOf } from './inside-pictures.js';
import type { Generated, Inside, Model, ModelFile, PoseCalls, PoseNotice, Progress } from './protocol.js';

/** The worker of the Pose page, which runs the generator without blocking the page. */

interface Loaded {
  readonly checkpoint: Checkpoint;
  readonly parameters: ReturnType<typeof generatorParameters>;
}

let engine: Promise<Engine> | undefined;
let loaded: Loaded | undefined;
let compiled: { readonly of: Loaded; readonly on: Engine; readonly generator: Generator } | undefined;

/** The open device. If it was lost, opens another. */
function device(): Promise<Engine> {
  engine ??= open({ label: 'pose' }).then(
    (opened) => {
      void opened.device.lost.then(({ reason, message }) => {
        engine = undefined;
        notify({ kind: 'lost', message: message || reason });
      });
      return opened;
    },
    (error) => {
      engine = undefined;
      throw error;
    },
  );
  return engine;
}

function model(): Loaded {
  if (!loaded) throw new UsageError('no checkpoint is loaded; drop one on the page');
  return loaded;
}

/** The last queued job. Jobs on the device run one at a time, so that none frees what another still uses. */
let last: Promise<unknown> = Promise.resolve();

function enqueue<T>(job: () => Promise<T>): Promise<T> {
  const result = last.then(job, job);
  last = result.catch(() => {});
  return result;
}

/** Compiles the generator of a checkpoint and frees the one before. Only for use in queued jobs. */
async function generatorOf(wanted: Loaded): Promise<Generator> {
  const on = await device();
  if (compiled?.of === wanted && compiled.on === on) return compiled.generator;
  if (compiled) {
    const { of, on: before, generator } = compiled;
    compiled = undefined;
    generator.destroy();
    if (of !== wanted) ParameterStorage.of(before, of.parameters).destroy();
  }
  const { config } = wanted.checkpoint.info;
  const generator = await Generator.create(on, config, 1, { set: wanted.parameters });
  compiled = { of: wanted, on, generator };
  return generator;
}

async function load(file: ModelFile, report: (progress: Progress) => void): Promise<Model> {
  // Open the device while the file loads.
  device().catch(() => {});
  const bytes = 'url' in file ? await fetchBytes(file, report) : new Uint8Array(await file.file.arrayBuffer());
  const checkpoint = checkpointOf(bytes, file.name);
  const parameters = generatorParameters(checkpoint);
  loaded = { checkpoint, parameters };
  // Compile the generator while the page draws its first person. `generate` waits for it and reports its errors.
  const wanted = loaded;
  enqueue(() => generatorOf(wanted)).catch(() => {});
  const { config, skeleton, step } = checkpoint.info;
  return { name: file.name, config, skeleton, step, parameters: parameters.count };
}

function checkpointOf(bytes: Uint8Array, name: string): Checkpoint {
  try {
    return fromCheckpoint(bytes, name);
  } catch (error) {
    throw withFileKind(error, bytes, name, 'not a checkpoint of pose-gan');
  }
}

async function fetchBytes(
  { url, name }: { url: string; name: string },
  report: (progress: Progress) => void,
): Promise<Uint8Array> {
  const advice = 'Load a checkpoint of your own instead, or reload the page.';
  const response = await fetch(url).catch((error: Error) => {
    throw new UsageError(`${name} could not be fetched: ${error.message}. ${advice}`);
  });
  if (!response.ok || !response.body)
    throw new UsageError(`${name} could not be fetched: the server answered ${response.status}. ${advice}`);
  // If the server compresses the file, its Content-Length is not the length of the decoded bytes.
  const encoded = response.headers.get('content-encoding') !== null;
  const total = encoded ? 0 : Number(response.headers.get('content-length') ?? 0);
  const chunks: Uint8Array[] = [];
  let done = 0;
  const reader = response.body.getReader();
  for (let next = await reader.read(); next.value; next = await reader.read()) {
    chunks.push(next.value);
    done += next.value.length;
    report({ done, total });
  }
  const bytes = new Uint8Array(done);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

async function generate(pair: PosePair): Promise<Generated> {
  const wanted = model();
  const { config, skeleton } = wanted.checkpoint.info;
  const net = await generatorOf(wanted);
  const begin = performance.now();
  // Use the same noise for every picture, so that it does not flicker while a joint is dragged.
  net.random.step = 0;
  const values = await net.generate(pairData(config, skeleton, [pair]));
  return { image: fromTensor(values, config.width, config.height), ms: performance.now() - begin };
}

async function inspect(pair: PosePair): Promise<Inside> {
  const { checkpoint, parameters } = model();
  const on = await device();
  const { config, skeleton } = checkpoint.info;
  const data = pairData(config, skeleton, [pair]);
  const found = await inspectPair(on, { config, data, generator: parameters, features: true });
  return insideOf(found, config, skeleton, pair.image);
}

const notify = serve<PoseCalls, PoseNotice>({
  load,
  generate: (pair) => enqueue(() => generate(pair)),
  inspect: (pair) => enqueue(() => inspect(pair)),
  draw: async ({ object, ...options }) => {
    const drawn = SYNTH_OBJECTS[object];
    if (!drawn) throw new UsageError(`there is no generator of pictures for the object ${object}`);
    return drawn.draw(options);
  },
});
