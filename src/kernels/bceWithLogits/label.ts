import type { BceWithLogitsCall, BceWithLogitsGradientCall } from './bceWithLogits.js';

/** Returns the numbers that tell a kernel where the labels are: in the tensor `labels`, or in one number for all logits. */
export function labelParams({ attrs: { label }, arg: { labels } }: BceWithLogitsCall | BceWithLogitsGradientCall) {
  const layout = { labels_offset: labels?.offset ?? 0, labels_stride: labels?.stride ?? 0 };
  return { label, labelled: labels ? 1 : 0, ...layout };
}
