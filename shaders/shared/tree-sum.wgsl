// Adds up one value of each of a workgroup's 256 invocations in a fixed order: each step adds the upper half of the
// remaining sums to the lower half. Invocation 0 then finds the total in sums[0].
var<workgroup> sums: array<f32, 256>;

fn tree_sum(me: u32, value: f32) {
  sums[me] = value;
  for (var half = 128u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (me < half) { sums[me] += sums[me + half]; }
  }
}
