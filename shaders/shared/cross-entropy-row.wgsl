// Returns the loss of row r from its largest logit m, s = Σ_c exp(x[c] − m) and t = Σ_c (x[c] − m). The loss is
// 1 − smoothing times −log p of the label, plus smoothing times the mean of −log p over the channels. A term with the
// factor 0 is 0 even if the other factor is infinite. The loss is NaN if no channel is the label.
fn row_loss(r: u32, m: f32, s: f32, t: f32) -> f32 {
  let label = labels[r];
  let log_s = log_of(s);
  let x = logits[p.logits_offset + r * p.logits_stride + min(label, p.channels - 1u)];
  let own = select((1.0 - p.smoothing) * (log_s - (x - m)), 0.0, p.smoothing == 1.0);
  let all = select(p.smoothing * (log_s - t / f32(p.channels)), 0.0, p.smoothing == 0.0);
  return nan_unless(label < p.channels, own + all);
}
