/**
 * Returns the numbers that define a mask: an element whose random number of 24 bits is at least `threshold` is kept and
 * multiplied by `factor`.
 */
export const mask = ({ rate }: { readonly rate: number }) => ({
  threshold: Math.round(rate * 2 ** 24),
  factor: 1 / (1 - rate),
});
