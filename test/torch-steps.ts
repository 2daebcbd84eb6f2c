/** The three weights that PyTorch 1.13 was given for the reference numbers of the optimisers' tests. */
export const START = [0.5, -1.25, 2];

/** The gradient of those weights in step t, which counts from 0. */
export const slope = (t: number) => Float32Array.from(START, (_, i) => Math.sin(3 * t + i + 1));
