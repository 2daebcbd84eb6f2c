import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as Webgpu from '@tensorflow/tfjs-backend-webgpu';
import type * as Core from '@tensorflow/tfjs-core';
import type { Shape, TensorData } from '../../src/autograd/tensor.js';
import type { Engine } from '../../src/gpu/engine.js';
import { UsageError } from '../../src/gpu/errors.js';

const VERSION = '4.22.0';

interface Bundle {
  readonly core: typeof Core;
  readonly webgpu: typeof Webgpu;
}

/** The imports of a page that trains. */
const ENTRY = `
export * as core from '@tensorflow/tfjs-core';
export * as webgpu from '@tensorflow/tfjs-backend-webgpu';
import '@tensorflow/tfjs-core/dist/register_all_gradients';`;

let bundle: Promise<Bundle> | undefined;

/**
 * Bundles TensorFlow.js and loads the bundle, because Node cannot load the ES modules of its gradients directly. The file
 * is temporary, so that no build of this package contains it.
 */
async function load(): Promise<Bundle> {
  const folder = await mkdtemp(join(tmpdir(), 'pose-gan-tfjs-'));
  try {
    const outfile = join(folder, 'tfjs.cjs');
    const resolveDir = fileURLToPath(new URL('.', import.meta.url));
    const { build } = await import('esbuild');
    await build({
      ...{ stdin: { contents: ENTRY, resolveDir }, outfile, bundle: true, format: 'cjs', target: 'es2022' },
      ...{ platform: 'node', mainFields: ['module', 'main'], logLevel: 'silent' },
    });
    return createRequire(outfile)(outfile) as Bundle;
  } catch (error) {
    const { errors = [], message } = error as Error & { errors?: { text: string }[] };
    throw new UsageError(
      `--against tfjs needs TensorFlow.js, which cannot be loaded: ${errors[0]?.text ?? message}. ` +
        `Fix: npm i --no-save esbuild @tensorflow/tfjs-core@${VERSION} @tensorflow/tfjs-backend-webgpu@${VERSION}`,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Globals of a browser that the backend needs; the WebGPU specification defines the constants. */
function browserGlobals(device: GPUDevice): Record<string, unknown> {
  const buffer = device.createBuffer({ size: 4, usage: 0x8 });
  const texture = device.createTexture({ size: [1, 1], format: 'rgba8unorm', usage: 0x2 });
  const classes = { GPUBuffer: buffer.constructor, GPUTexture: texture.constructor };
  buffer.destroy();
  texture.destroy();
  return {
    ...classes,
    GPUBufferUsage: {
      ...{ MAP_READ: 0x1, MAP_WRITE: 0x2, COPY_SRC: 0x4, COPY_DST: 0x8, INDEX: 0x10, VERTEX: 0x20 },
      ...{ UNIFORM: 0x40, STORAGE: 0x80, INDIRECT: 0x100, QUERY_RESOLVE: 0x200 },
    },
    GPUTextureUsage: {
      COPY_SRC: 0x1,
      COPY_DST: 0x2,
      TEXTURE_BINDING: 0x4,
      STORAGE_BINDING: 0x8,
      RENDER_ATTACHMENT: 0x10,
    },
    GPUMapMode: { READ: 0x1, WRITE: 0x2 },
  };
}

/** Defines these globals; the returned function restores the earlier ones, or deletes those that did not exist. */
function define(values: Record<string, unknown>): () => void {
  const before = Object.keys(values).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const);
  for (const [name, value] of Object.entries(values))
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  return () => {
    for (const [name, descriptor] of before) {
      if (descriptor) Object.defineProperty(globalThis, name, descriptor);
      else Reflect.deleteProperty(globalThis, name);
    }
  };
}

/**
 * TensorFlow.js's unmodified WebGPU backend with its default flags on the device of an engine. Both use the same queue, and
 * the comparison waits for both with `engine.wait`, so that Dawn's polling does not take a core from either.
 */
export class Tfjs {
  private constructor(
    readonly engine: Engine,
    readonly tf: typeof Core,
    private readonly backend: Webgpu.WebGPUBackend,
    private readonly restore: () => void,
  ) {}

  /**
   * Throws `UsageError` if TensorFlow.js is not installed. Close the object before you open another: TensorFlow.js has one
   * engine for the whole process.
   */
  static async open(engine: Engine): Promise<Tfjs> {
    bundle ??= load();
    const { core, webgpu } = await bundle;
    const restore = define(browserGlobals(engine.device));
    try {
      // The constructor only checks that `navigator.gpu` exists, so it gets an empty one for that time.
      const restoreNavigator = define({ navigator: { gpu: {} } });
      let backend: Webgpu.WebGPUBackend;
      try {
        backend = new webgpu.WebGPUBackend(engine.device, engine.device.adapterInfo);
      } finally {
        restoreNavigator();
      }
      core.registerBackend('webgpu', () => backend);
      await core.setBackend('webgpu');
      return new Tfjs(engine, core, backend, restore);
    } catch (error) {
      restore();
      throw error;
    }
  }

  get version(): string {
    return this.tf.version_core;
  }

  /** Submits the recorded dispatches, of which the backend holds back up to 15. */
  flush(): void {
    this.backend.ensureCommandEncoderReady();
    this.backend.endComputePassEncoder();
    this.backend.submitQueue();
  }

  tensor(data: TensorData, shape: Shape): Core.Tensor {
    return this.tf.tensor(data, [...shape], data instanceof Uint32Array ? 'int32' : 'float32');
  }

  async read(tensor: Core.Tensor): Promise<Float32Array> {
    return (await this.engine.wait(tensor.data())) as Float32Array;
  }

  /** Bytes of its device memory: buffers in use and unused buffers in its pool. */
  get allocatedBytes(): number {
    return this.backend.memory().numBytesAllocatedInGPU;
  }

  /** Frees its buffers and restores the globals. */
  close(): void {
    this.tf.disposeVariables();
    this.tf.removeBackend('webgpu');
    this.restore();
  }
}
