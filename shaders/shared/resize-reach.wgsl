// Returns the range [x, y) of the elements of a resized axis in which element `at` of the original one may have a weight.
// The rate is 1 / step, or 0 if the step is 0. Because of rounding, the range is one element longer at each end.
fn reach(at: u32, rate: f32, size: u32, out_size: u32) -> vec2u {
  let first = floor((f32(at) - 1.0 + p.shift) * rate - p.shift) - 1.0;
  let last = ceil((f32(at) + 1.0 + p.shift) * rate - p.shift) + 1.0;
  let end = min(u32(max(last, 0.0)), out_size - 1u) + 1u;
  return vec2u(select(u32(max(first, 0.0)), 0u, at == 0u), select(end, out_size, at + 1u == size));
}
// Returns the weight of element `at` in element i of the resized axis, or −1 if it has none.
fn share(i: u32, step: f32, size: u32, at: u32) -> f32 {
  let s = between(i, step, size);
  if (s.first == at) { return select(1.0 - s.weight, 1.0, s.second == at); }
  return select(-1.0, s.weight, s.second == at);
}
