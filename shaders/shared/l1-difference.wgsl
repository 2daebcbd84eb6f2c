// Returns a − b at row r, channel c.
fn difference(r: u32, c: u32) -> f32 {
  return a[p.a_offset + r * p.a_stride + c] - b[p.b_offset + r * p.b_stride + c];
}
