import type { BceWithLogitsCall, BceWithLogitsGradientCall } from './bceWithLogits.js';

/** Where kernels find the labels: in a tensor, or in one number. */
export function labelParams({ attrs: { label }, arg: { labels } }: BceWithLogitsCall | BceWithLogitsGradientCall) {
  const place = { labels_offset: labels?.offset ?? 0, labels_stride: labels?.stride ?? 0 };
  return { label, labelled: labels ? 1 : 0, ...place };
}
