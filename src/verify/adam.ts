import { input } from '../autograd/leaves.js';
import { ParameterSet } from '../autograd/parameters.js';
import { compile } from '../compiler/compile.js';
import { Adam } from '../kernels/adam/adam.js';
import type { Comparison, FixtureReader } from '../kernels/room.js';

/** Reads files in which Adam applies `grads` [steps, n] to `w0` [n], which must give `weights` [steps, n]. */
export const adam: FixtureReader = (file) => ({
  check: async (engine) => {
    const { lr, beta1, beta2, eps } = file.attrs;
    const [steps = 0, n = 0] = file.tensor('grads').shape;
    const set = new ParameterSet('fixture');
    const w = set.parameter('w', [n], Float32Array.from(file.tensor('w0').data));
    const optimizer = new Adam(set, {
      learningRate: Number(lr),
      beta1: Number(beta1),
      beta2: Number(beta2),
      epsilon: Number(eps),
    });
    const plan = await compile(engine, { w }, { update: [optimizer.apply([input('g', [n])])] });
    const results: Record<string, Comparison> = {};
    for (let t = 0; t < steps; t++) {
      plan.run({ g: Float32Array.from(file.tensor('grads').data.subarray(t * n, (t + 1) * n)) });
      const got = (await set.read(engine)).get('w');
      if (!got) throw new Error('the set has lost its parameter w');
      results[`weights[${t}]`] = { got, want: file.tensor('weights').data.subarray(t * n, (t + 1) * n) };
    }
    plan.destroy();
    return results;
  },
});
