import { abs, mul, softplus, sub } from '../../kernels/elementwise/elementwise.js';
import { input } from '../../kernels/room.js';
import { mean } from '../../kernels/sum/sum.js';
import type { Composition } from '../composition.js';

export const composedL1: Composition = {
  what: 'the mean of |a − b|',
  build: (inputs) => ({ y: mean(abs(sub(input(inputs, 'a'), input(inputs, 'b')))) }),
};

export const composedBce: Composition<{ readonly label: number }> = {
  what: 'the mean of softplus(x) − x · label',
  build: (inputs, { label }) => {
    const x = input(inputs, 'logits');
    return { y: mean(sub(softplus(x), mul(x, inputs.labels ?? label))) };
  },
};
