// Returns the label of the logit at row r, channel c: its own label, or the one for all logits.
fn label_at(r: u32, c: u32) -> f32 {
  if (p.labelled == 0u) { return p.label; }
  return labels[p.labels_offset + r * p.labels_stride + c];
}
