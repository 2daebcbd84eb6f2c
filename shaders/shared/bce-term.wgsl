// term(x) is what one logit x adds to the loss.
// #import nan

// The term softplus(x) − label·x is computed as max(x, 0) − label·x + log(1 + e) with e = e⁻|ˣ|, which neither
// overflows nor cancels. The logarithm is the series s·(1 + t/3 + t²/5 + …) with s = 2e / (2 + e) and t = s²/4 ≤ 1/9,
// which keeps all digits of a small e. The first two terms are one product, factor·x. It is taken as 0 where the factor
// is 0, so that an infinite x on the side of the label does not give NaN.
fn term(x: f32, label: f32) -> f32 {
  let e = exp(-abs(x));
  let s = e / (1.0 + 0.5 * e);
  let t = 0.25 * s * s;
  let series = 1.0 + t / 3.0 + t * t * (0.2 + t / 7.0 + t * t * (1.0 / 9.0 + t / 11.0 + t * t / 13.0));
  let factor = f32(x > 0.0) - label;
  let value = select(factor * x, 0.0, factor == 0.0) + s * series;
  return select(value, x, is_nan(x));
}
