// The sum of one value of each of a workgroup's 256 invocations, in a fixed order: the upper half of what is left is added to
// the lower, until one is left. Invocation 0 finds the sum in sums[0].
var<workgroup> sums: array<f32, 256>;

fn tree_sum(me: u32, value: f32) {
  sums[me] = value;
  for (var half = 128u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (me < half) { sums[me] += sums[me + half]; }
  }
}
