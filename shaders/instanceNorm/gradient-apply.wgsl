// gx = γ_g·inverse·(gy − mean(gy) − (x − μ)·k·mean(gy·(x − μ))), four channels at a time. The means are over the group
// of `size` elements. One invocation computes chunk j of lane l in image n.
// An image is seen as mid × lanes vectors of four channels (shared/norm-vectors.wgsl). Chunk j of a lane is
// m = j, j + chunks, j + 2·chunks, ….
// stats[n, ·, g] = mean, inverse scale, coefficient k; sums[n, ·, g] = Σ gy, Σ gy·(x − μ).
struct Params {
  count: u32, mid: u32, lanes: u32, chunks: u32, quads: u32, pixels: u32, norm_groups: u32, sample: u32, size: f32,
  x_offset: u32, x_stride: u32, gy_offset: u32, gy_stride: u32, gx_offset: u32, gx_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> stats: array<f32>;
@group(0) @binding(3) var<storage, read> sums: array<f32>;
@group(0) @binding(4) var<storage, read> gamma: array<f32>;
@group(0) @binding(5) var<storage, read> gy: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> gx: array<vec4f>;

// #import norm-vectors
// #import four-stats
// #import four-gamma

// Returns sums[at … at + 3], those of a lane's four channels, or in sample mode four copies of sums[at].
fn four_sums(at: u32) -> vec4f {
  if (p.sample == 1u) { return vec4f(sums[at]); }
  return vec4f(sums[at], sums[at + 1u], sums[at + 2u], sums[at + 3u]);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let t = id.y * groups.x * 64u + id.x;
  if (t >= p.count) { return; }
  let l = t % p.lanes;
  let j = t / p.lanes % p.chunks;
  let n = t / p.lanes / p.chunks;
  let mean = four_stats(3u * n * p.norm_groups + 4u * l);
  let scale = four_gamma(4u * l) * four_stats((3u * n + 1u) * p.norm_groups + 4u * l);
  let k = four_stats((3u * n + 2u) * p.norm_groups + 4u * l);
  let gradient_mean = four_sums(2u * n * p.norm_groups + 4u * l) / p.size;
  let slope = k * four_sums((2u * n + 1u) * p.norm_groups + 4u * l) / p.size;
  for (var m = j; m < p.mid; m += p.chunks) {
    let v = vector(n, m, l);
    let d = x[(p.x_offset + v.row * p.x_stride) / 4u + v.quad] - mean;
    let gradient = gy[(p.gy_offset + v.row * p.gy_stride) / 4u + v.quad];
    gx[(p.gx_offset + v.row * p.gx_stride) / 4u + v.quad] = scale * (gradient - gradient_mean - slope * d);
  }
}
