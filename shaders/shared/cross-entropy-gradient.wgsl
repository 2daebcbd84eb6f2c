// Returns gy · factor · (softmax(logits)[c] − t[c]) from d = logits[c] − m, where m is the largest logit of the row,
// s = Σ_c exp(logits[c] − m), and the row's label: t is 1 − smoothing at the label and 0 elsewhere, plus smoothing / C
// everywhere. The result is NaN if no channel is the label.
fn gradient(c: u32, d: f32, s: f32, label: u32, g: f32) -> f32 {
  let t = select(0.0, 1.0 - p.smoothing, c == label) + p.smoothing / f32(p.channels);
  return nan_unless(label < p.channels, p.factor * g * (exp_of(d) / s - t));
}
