import { type Launch, onlyKernel } from '../src/autograd/kernel.js';
import { any, defineOp, type Op, type Specs } from '../src/autograd/op.js';

/** Makes an op of one kernel with this launch. Its result `y` has the type of its first argument. */
export function customOp(
  name: string,
  launch: () => Launch,
  args: Specs = { x: any },
): Op<null, Specs, { readonly y: typeof any }> {
  return defineOp<null, Specs, { readonly y: typeof any }>({
    name,
    args,
    results: { y: any },
    infer: (inputs) => {
      const [first] = Object.values(inputs);
      if (!first) throw new Error(`${name} has no argument`);
      return { y: first };
    },
    kernels: async () => ({ kernels: onlyKernel({ name: 'mine', launch }) }),
  });
}
