// norm[0] = √Σ_j partial[j] and scale[0] = max_norm / norm where that is less than 1, otherwise 1. There is one workgroup.
// Invocation me adds every 256th partial sum; then tree_sum adds the sums of the invocations.
struct Params { count: u32, max_norm: f32, partial_offset: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>;
@group(0) @binding(2) var<storage, read_write> norm: array<f32>;
@group(0) @binding(3) var<storage, read_write> scale: array<f32>;

// #import nan
// #import clip-scale
// #import tree-sum

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) me: u32) {
  var sum = 0.0;
  for (var j = me; j < p.count; j += 256u) { sum += partial[p.partial_offset + j]; }
  tree_sum(me, sum);
  if (me == 0u) {
    let found = sqrt(sums[0]);
    norm[0] = found;
    scale[0] = clip_scale(found, p.max_norm);
  }
}
