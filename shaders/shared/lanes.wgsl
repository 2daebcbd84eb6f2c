// The 256 invocations of a workgroup form groups of LANES neighbours, a power of two, and each group computes one row.
// It adds or compares in a fixed order: each step combines the upper half of the remaining values with the lower half,
// and all invocations of the group get the last one.
override LANES: u32 = 32u;
var<workgroup> values: array<f32, 256>;

fn lanes_sum(me: u32, value: f32) -> f32 {
  values[me] = value;
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (me % LANES < half) { values[me] += values[me + half]; }
  }
  return first_of(me);
}

fn lanes_max(me: u32, value: f32) -> f32 {
  values[me] = value;
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (me % LANES < half) { values[me] = max(values[me], values[me + half]); }
  }
  return first_of(me);
}

fn first_of(me: u32) -> f32 {
  workgroupBarrier();
  let value = values[me - me % LANES];
  workgroupBarrier();
  return value;
}
