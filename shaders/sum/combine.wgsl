// y[o, k] = factor · Σ_j partial[o, j, k], j = 0 … chunks − 1 in this order. One invocation computes one result.
struct Params { count: u32, inner: u32, chunks: u32, factor: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let t = id.y * groups.x * 64u + id.x;
  if (t >= p.count) { return; }
  let k = t % p.inner;
  let o = t / p.inner;
  var sum = 0.0;
  for (var j = 0u; j < p.chunks; j++) { sum += partial[(o * p.chunks + j) * p.inner + k]; }
  y[t] = p.factor * sum;
}
