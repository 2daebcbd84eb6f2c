import { accumulateOp } from '../autograd/gradients.js';
import { leaf } from '../autograd/leaves.js';
import { isOf } from '../autograd/op.js';
import { type Node, Tensor } from '../autograd/tensor.js';
import type { LaunchedCall } from '../compiler/kernel-call.js';
import type { Step } from '../compiler/realize.js';
import type { Phase } from '../model/training.js';

/** `generator/decoder.2` for `decoder.2.weight` of the set `generator`; `undefined` for what is not a parameter. */
function parameterLayer({ node, name }: Tensor): string | undefined {
  // A layer may pad its weights with channels of zeros.
  const padded = node.op.name === 'padChannels' ? node.inputs.x : undefined;
  if (padded) return parameterLayer(padded);
  if (!isOf(leaf, node) || node.attrs.source !== 'parameter') return undefined;
  const { attrs } = node;
  const layer = name.replace(/\.[^.]*$/, '');
  return layer.startsWith(`${attrs.set.name}.`) ? layer : `${attrs.set.name}/${layer}`;
}

/** The layer of every node that computes the gradient of a parameter, or a term of such a gradient. */
function gradientLayers(updates: readonly Node[]): Map<Node, string> {
  const found = new Map<Node, string>();
  for (const { op, inputs, attrs } of updates) {
    const parameters = op.update?.(attrs).set.tensors ?? [];
    const gradients = Object.values(inputs).slice(-parameters.length);
    const stack = gradients.map((g, i) => [g, parameterLayer(parameters[i] as Tensor)] as const);
    for (let next = stack.pop(); next; next = stack.pop()) {
      const [g, layer] = next;
      if (!layer || found.has(g.node)) continue;
      found.set(g.node, layer);
      const { node } = g;
      if (isOf(accumulateOp, node) || node.op.kind === 'view')
        for (const x of Object.values(node.inputs)) stack.push([x, layer]);
    }
  }
  return found;
}

/** The name for steps of no layer: they make heat maps, masks and copies of the images. */
const INPUTS = 'inputs';

/**
 * The layer that each step belongs to: the one whose parameters its node reads or whose gradient it computes, otherwise
 * that of the first argument which has a layer.
 */
export function layersOf(steps: readonly Step[]): string[] {
  const layers = new Map<Node, string | undefined>();
  const updates = steps.flatMap(({ call }) => (call.op.kind === 'update' && call.node ? [call.node] : []));
  for (const [node, layer] of gradientLayers(updates)) layers.set(node, layer);
  const layerOf = (node: Node): string | undefined => {
    if (layers.has(node)) return layers.get(node);
    if (node.op.update) return `${node.op.name} ${node.op.update(node.attrs).set.name}`;
    const inputs = Object.values(node.inputs);
    let layer = inputs.map(parameterLayer).find((l) => l !== undefined);
    for (const x of inputs) layer ??= layerOf(x.node);
    layers.set(node, layer);
    return layer;
  };
  /** A call that the compiler has added, such as a copy, belongs to the layer that makes the values it reads. */
  const layerOfCall = ({ node, inputs }: LaunchedCall): string | undefined => {
    if (node) return layerOf(node);
    const sources = Object.values(inputs).filter((x) => x instanceof Tensor);
    return sources.map((x) => parameterLayer(x) ?? layerOf(x.node)).find((layer) => layer !== undefined);
  };
  return steps.map((s) => layerOfCall(s.call) ?? INPUTS);
}

/**
 * The phase that each step belongs to. Updates form the phase `optimiser`, and steps after the last phase form `results`.
 * A copy that the compiler adds belongs to the phase of the next kernel, because it is made for that kernel.
 */
export function phasesOf(steps: readonly Step[], phases: readonly Phase[]): string[] {
  const names: string[] = [];
  let name = phases.length ? 'results' : 'all';
  for (const { call } of [...steps].reverse()) {
    const { op, node } = call;
    const phase = node && phases.find((p) => node.id <= p.last.id)?.name;
    if (op.kind === 'update') name = 'optimiser';
    else name = phase ?? (name === 'optimiser' ? 'results' : name);
    names.push(name);
  }
  return names.reverse();
}
