// The 256 invocations of a workgroup in groups of LANES neighbours, a power of two; each group makes one row and adds or
// compares in a fixed order: the upper half of what is left goes to the lower, until one is left, which all of them get.
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
