// y = γ_g·inverse·(x − μ) + β_g, four channels at a time. One invocation computes chunk j of lane l in image n.
// An image is seen as mid × lanes vectors of four channels (shared/norm-vectors.wgsl). Chunk j of a lane is
// m = j, j + chunks, j + 2·chunks, ….
// stats[n, ·, g] = mean, inverse scale, coefficient k.
struct Params {
  count: u32, mid: u32, lanes: u32, chunks: u32, quads: u32, pixels: u32, norm_groups: u32, sample: u32,
  x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> stats: array<f32>;
@group(0) @binding(3) var<storage, read> gamma: array<f32>;
@group(0) @binding(4) var<storage, read> beta: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;

// #import norm-vectors
// #import four-stats
// #import four-gamma
// #import four-beta

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let t = id.y * groups.x * 64u + id.x;
  if (t >= p.count) { return; }
  let l = t % p.lanes;
  let j = t / p.lanes % p.chunks;
  let n = t / p.lanes / p.chunks;
  let mean = four_stats(3u * n * p.norm_groups + 4u * l);
  let scale = four_gamma(4u * l) * four_stats((3u * n + 1u) * p.norm_groups + 4u * l);
  let shift = four_beta(4u * l);
  for (var m = j; m < p.mid; m += p.chunks) {
    let v = vector(n, m, l);
    let value = x[(p.x_offset + v.row * p.x_stride) / 4u + v.quad];
    y[(p.y_offset + v.row * p.y_stride) / 4u + v.quad] = scale * (value - mean) + shift;
  }
}
