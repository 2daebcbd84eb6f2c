// y[o] = factor · Σ_j partial[o, j]. One workgroup computes one result. Invocation i adds every 256th partial sum; then
// tree_sum adds the sums of the invocations.
struct Params { chunks: u32, factor: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// #import tree-sum

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) me: u32) {
  var sum = 0.0;
  for (var j = me; j < p.chunks; j += 256u) { sum += partial[group.x * p.chunks + j]; }
  tree_sum(me, sum);
  if (me == 0u) { y[group.x] = p.factor * sums[0]; }
}
