// The label of the logit at row r, channel c: one of its own, or one number for all.
fn label_at(r: u32, c: u32) -> f32 {
  if (p.labelled == 0u) { return p.label; }
  return labels[p.labels_offset + r * p.labels_stride + c];
}
