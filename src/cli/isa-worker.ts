// The process that compiles kernels for `pose-gan bench --isa`, on the adapter that its environment makes (src/node/isa-compiler.ts).
// Its standard error is a file, in which the driver writes what it compiles.
import { fstatSync, ftruncateSync, readSync } from 'node:fs';
import { type DriverText, readDriverLog } from '../bench/isa/disassembly.js';
import { compiledKernel, type IsaCompiler, type IsaProgress, kernelName } from '../bench/isa/document.js';
import { type IsaRequest, type KernelToCompile, kernelsToCompile } from '../bench/isa/kernels.js';
import type { Engine } from '../gpu/engine.js';
import { AdapterError, PoseGanError, UsageError } from '../gpu/errors.js';
import { rooms } from '../kernels/rooms.js';
import type { IsaResult, IsaSign } from '../node/isa-compiler.js';
import { open } from '../node.js';

const LOG = 2;

function send(message: IsaSign | IsaResult<IsaProgress>): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(message, undefined, undefined, () => resolve());
  });
}

const sendResult = (result: IsaProgress) => send({ kind: 'result', result });

/** What the driver has written since the last call, which is forgotten. */
function takeLog(): string {
  const { size } = fstatSync(LOG);
  const bytes = new Uint8Array(size);
  let read = 0;
  for (let n = -1; n !== 0 && read < size; read += n) n = readSync(LOG, bytes, read, size - read, read);
  ftruncateSync(LOG);
  return new TextDecoder().decode(bytes.subarray(0, read));
}

/** What the driver says of a shader that it compiles, or why it does not. */
async function compileOne(engine: Engine, { shader, constants }: KernelToCompile): Promise<DriverText | string> {
  takeLog();
  try {
    await engine.pipeline(shader, constants);
    return readDriverLog(takeLog()) ?? 'the driver printed no statistics of it';
  } catch (error) {
    if (!(error instanceof PoseGanError)) throw error;
    return error.message;
  }
}

async function compileAll(engine: Engine, request: IsaRequest, compiler: IsaCompiler): Promise<void> {
  const kernels = await kernelsToCompile(engine, rooms, request).catch((error: unknown) => {
    if (!(error instanceof AdapterError)) throw error;
    throw new AdapterError(
      `--isa ${compiler.isa}: ${error.message.replace(/ Choose another .*/, ' Name another GPU.')}`,
    );
  });
  await sendResult({ ...compiler, total: kernels.length });
  // Dawn compiles the same code only once, whichever variant it is for.
  const known = new Map<string, DriverText | string>();
  for (const kernel of kernels) {
    const { shader, ...use } = kernel;
    const key = JSON.stringify([shader.entryPoint, shader.code, use.constants]);
    let found = known.get(key);
    if (found === undefined) {
      await send({ kind: 'compiling', name: kernelName(use) });
      found = await compileOne(engine, kernel);
      known.set(key, found);
    }
    if (typeof found === 'string') await sendResult({ kernel: { ...use, failed: found } });
    else await sendResult({ kernel: compiledKernel(use, found, compiler), assembly: found.assembly });
  }
}

/** Ends at once, because the driver cannot shut down without hardware. */
function end(): never {
  process.kill(process.pid, 'SIGKILL');
  process.exit(1);
}

async function main({ isa, request }: { isa: string; request: IsaRequest }): Promise<void> {
  try {
    const engine = await open({ adapter: 'radv', tuning: false }).catch((error: unknown) => {
      if (!(error instanceof AdapterError)) throw error;
      throw new AdapterError(`--isa ${isa}: Mesa's RADV gives no device: ${error.message}`);
    });
    await send({ kind: 'begun' });
    const { architecture } = engine.adapter;
    await compileAll(engine, request, { isa, driver: engine.adapterName, architecture });
    await send({ kind: 'done' });
  } catch (error) {
    const message = error instanceof PoseGanError ? error.message : `internal error: ${(error as Error).stack}`;
    await send({ kind: 'failed', usage: error instanceof UsageError, message });
  }
  end();
}

// The process that started this one has ended.
process.on('disconnect', end);
process.once('message', (job: { isa: string; request: IsaRequest }) => void main(job));
