// What one logit x adds to the loss.
// #import nan

// max(x, 0) − label·x + log(1 + e), e = e⁻|ˣ|: softplus(x) − label·x without overflow or cancellation. The logarithm is
// s·(1 + t/3 + t²/5 + …), s = 2e / (2 + e), t = s²/4 ≤ 1/9, in which no digit of a small e is lost. The first two are one
// product, taken as 0 where its factor is: at an infinite x on the side of the label.
fn term(x: f32) -> f32 {
  let e = exp(-abs(x));
  let s = e / (1.0 + 0.5 * e);
  let t = 0.25 * s * s;
  let series = 1.0 + t / 3.0 + t * t * (0.2 + t / 7.0 + t * t * (1.0 / 9.0 + t / 11.0 + t * t / 13.0));
  let factor = f32(x > 0.0) - p.label;
  let value = select(factor * x, 0.0, factor == 0.0) + s * series;
  return select(value, x, is_nan(x));
}
