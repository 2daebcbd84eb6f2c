// Returns Σ_s partials[s, i], element i of a reduction that was split into chunks. The chunks are added in order.
fn split_sum(i: u32) -> f32 {
  var sum = 0.0;
  for (var s = 0u; s < p.splits; s++) { sum += partials[s * p.count + i]; }
  return sum;
}
