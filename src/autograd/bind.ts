import { type Engine, GPU_BUFFER } from '../gpu/engine.js';
import type { Outcomes } from '../gpu/error-scopes.js';
import { LimitError, UsageError } from '../gpu/errors.js';
import { packParams, type TextureUpload } from '../gpu/shader.js';
import type { Arg, Call, Dispatch, Launch, Op, Variant } from './op.js';
import { isPooled, type Placement, type Root } from './placement.js';
import type { Step, StepBinding } from './step.js';
import { ALIGN } from './storage.js';
import type { Node } from './tensor.js';
import type { TextureRead, TextureUser } from './textures.js';

/** One launch of a plan before it has pipelines and bind groups. */
export interface Piece {
  readonly op: Op;
  readonly node: Node;
  readonly variant: Variant;
  readonly call: Call;
  readonly launch: Launch;
  /** All that the launch binds by name, where a fused kernel binds more than the call of its op. */
  readonly args?: Readonly<Record<string, Arg>>;
  readonly places: Record<string, Placement>;
  readonly label: string;
}

const argsOf = (piece: Piece) => piece.args ?? piece.call.arg;

/**
 * The variant that runs a call: the wanted one (one of the op's by name, or any other), else the first that fits and suits the
 * device, else the first that fits.
 */
export function chooseVariant(op: Op, call: Call, wanted: string | Variant | undefined): Variant {
  if (wanted !== undefined) {
    const named = typeof wanted === 'string' ? op.variants.find((v) => v.name === wanted) : wanted;
    if (!named)
      throw new UsageError(`${op.name} has no variant ${wanted}; it has ${op.variants.map((v) => v.name).join(', ')}`);
    const reason = named.rejects?.(call);
    if (reason) throw new UsageError(`${op.name}/${named.name} cannot run here: ${reason}`);
    return named;
  }
  const fitting = op.variants.filter((v) => !v.rejects?.(call));
  const found = fitting.find((v) => !v.avoid?.(call)) ?? fitting[0];
  if (!found)
    throw new UsageError(
      `${op.name}: no variant fits (${op.variants.map((v) => `${v.name}: ${v.rejects?.(call)}`).join('; ')})`,
    );
  return found;
}

/** Throws `LimitError` for storage, dispatches and bindings beyond what the device allows, before anything is allocated. */
export function checkLimits(limits: GPUSupportedLimits, pieces: readonly Piece[], roots: readonly Root[]): void {
  const {
    maxStorageBufferBindingSize: most,
    maxComputeWorkgroupsPerDimension: groups,
    maxStorageBuffersPerShaderStage: bindings,
  } = limits;
  for (const root of roots) {
    if (4 * root.elements > most) {
      const user = pieces.find((p) => Object.values(p.places).some((x) => x.root === root));
      const owner = user && !root.label.startsWith(user.label) ? `${user.label}: ${root.label}` : root.label;
      throw new LimitError(
        owner,
        'maxStorageBufferBindingSize',
        4 * root.elements,
        most,
        'Use a smaller batch, image or width.',
      );
    }
  }
  for (const piece of pieces) {
    for (const { workgroups, shader } of piece.launch.dispatches) {
      const over = Math.max(...workgroups);
      if (over > groups)
        throw new LimitError(
          piece.label,
          'maxComputeWorkgroupsPerDimension',
          over,
          groups,
          'Use a smaller batch, image or width.',
        );
      const used = shader.bindings.filter((b) => b.type !== 'uniform').length;
      if (used > bindings)
        throw new LimitError(
          piece.label,
          'maxStorageBuffersPerShaderStage',
          used,
          bindings,
          'Request a higher limit when creating the device.',
        );
    }
  }
}

/**
 * Whether a tensor is bound by its own byte range, so that its kernel sees offset 0. Slabs are: two parameters of one slab may be
 * written by one dispatch, which WebGPU allows only for ranges that do not overlap.
 */
export function bindsRange(a: Arg, place: Placement): boolean {
  const plain = (place.stride === a.channels || a.rows === 1) && place.offset % ALIGN === 0;
  return plain && (!isPooled(place.root) || place.offset > 0);
}

/** Roots that some kernel reads from a texture. */
export function textureRoots(pieces: readonly Piece[]): Set<Root> {
  const found = new Set<Root>();
  for (const { launch, places } of pieces)
    for (const { shader } of launch.dispatches)
      for (const { name, type } of shader.bindings) {
        const root = places[name]?.root;
        if (root && type === 'texture') found.add(root);
      }
  return found;
}

/** The storage that a variable is bound to: a tensor's own byte range, or the whole root it is a part of. */
function rangeOf(piece: Piece, name: string): TextureRead | undefined {
  const place = piece.places[name];
  if (!place) return undefined;
  const { root } = place;
  const a = argsOf(piece)[name];
  if (a && bindsRange(a, place)) return { root, offset: root.at + 4 * place.offset, bytes: 4 * a.rows * a.channels };
  return { root, offset: root.at, bytes: 4 * root.elements };
}

interface PieceDispatch {
  readonly piece: Piece;
  readonly dispatch: Dispatch;
}

/** Pipelines, uniform values, textures and bind groups of every dispatch, in order. */
export async function bindSteps(
  engine: Engine,
  pieces: readonly Piece[],
  make: (name: string, elements: number, flags?: number) => GPUBuffer,
  outcomes: Outcomes,
): Promise<{ steps: Step[]; textures: GPUTexture[] }> {
  const flat = pieces.flatMap((piece) => piece.launch.dispatches.map((dispatch) => ({ piece, dispatch })));
  const pipelines = await Promise.all(flat.map(({ dispatch }) => engine.pipeline(dispatch.shader, dispatch.constants)));
  const unit = Math.max(256, engine.device.limits.minUniformBufferOffsetAlignment);
  const data = new DataView(new ArrayBuffer(Math.max(unit, unit * flat.length)));
  const uniform = make('params', data.byteLength / 4, GPU_BUFFER.UNIFORM | GPU_BUFFER.COPY_DST);
  const users = flat.map(textureUser);
  // Only kernels for software adapters read textures
  const textured = users.some(({ reads }) => reads.length) ? await import('./textures.js') : undefined;
  const { rows, uses } = textured?.planTextures(users) ?? { rows: [], uses: [] };
  const textures = textured ? rows.map((height, i) => textured.makeTexture(engine, i, height, outcomes)) : [];
  const uploads: TextureUpload[][] = flat.map(() => []);
  let empty: GPUBuffer | undefined;
  const steps = flat.map(({ piece, dispatch }, i): Step => {
    const values: Record<string, number> = { ...dispatch.params };
    for (const [name, a] of Object.entries(argsOf(piece))) {
      values[`${name}_offset`] ??= a.offset;
      values[`${name}_stride`] ??= a.stride;
    }
    packParams(data, unit * i, dispatch.shader, values);
    const bindings: StepBinding[] = [];
    const reads = (uses[i] ?? []).map(({ read: { root, offset, bytes }, texture: at, copied }) => {
      const texture = textures[at] as GPUTexture;
      const brought = textured?.uploadsOf(root.buffer as GPUBuffer, offset, bytes, texture) ?? [];
      if (copied !== undefined) uploads[copied]?.push(...brought);
      return { view: texture.createView(), brought };
    });
    const views = reads.map(({ view }) => view);
    const entries = dispatch.shader.bindings.map((b): GPUBindGroupEntry => {
      if (b.type === 'uniform')
        return {
          binding: b.index,
          resource: { buffer: uniform, offset: unit * i, size: Math.max(16, 4 * dispatch.shader.params.length) },
        };
      const range = rangeOf(piece, b.name);
      if (!range) {
        empty ??= make('left-out argument', 64);
        return { binding: b.index, resource: { buffer: empty } };
      }
      const { root, offset, bytes } = range;
      bindings.push({ name: b.name, root, writes: b.type === 'storage' });
      if (b.type === 'texture') return { binding: b.index, resource: views.shift() as GPUTextureView };
      return { binding: b.index, resource: { buffer: root.buffer as GPUBuffer, offset, size: bytes } };
    });
    const pipeline = pipelines[i] as GPUComputePipeline;
    return {
      label: piece.label,
      node: piece.node,
      op: piece.op,
      variant: piece.variant.name,
      call: piece.call,
      shader: dispatch.shader.label,
      workgroups: dispatch.workgroups,
      pipeline,
      bindGroup: engine.bindGroup(piece.label, pipeline, entries, outcomes),
      bindings,
      uploads: uploads[i] as TextureUpload[],
      textures: reads.flatMap((r) => r.brought),
      first: dispatch === piece.launch.dispatches[0],
    };
  });
  engine.write(uniform, 0, data.buffer, outcomes);
  return { steps, textures };
}

/** Checks that every variable of a dispatch has its storage, unless it may be left out, and sorts out the textures. */
function textureUser({ piece, dispatch: { shader } }: PieceDispatch): TextureUser {
  const reads: TextureRead[] = [];
  const writes: Root[] = [];
  for (const { name, type } of shader.bindings) {
    if (type === 'uniform') continue;
    const range = rangeOf(piece, name);
    if (!range && (type === 'texture' || !piece.op.args.includes(`${name}?`)))
      throw new UsageError(
        `${shader.label}: variable ${name} is neither an argument, a result nor scratch of ${piece.op.name}`,
      );
    if (range && type === 'texture') reads.push(range);
    if (range && type === 'storage') writes.push(range.root);
  }
  return { reads, writes };
}
