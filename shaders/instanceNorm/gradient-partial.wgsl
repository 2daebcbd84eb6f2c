// partial[n, j, l] = Σ gy, Σ gy·(x − μ) over each chunk j of lane l in image n, four channels at a time.
// An image is seen as mid × lanes vectors of four channels (shared/norm-vectors.wgsl). Chunk j of a lane is
// m = j, j + chunks, j + 2·chunks, ….
// stats[n, ·, g] = mean, inverse scale, coefficient k.
override WIDTH: u32 = 64u;
struct Params {
  count: u32, mid: u32, lanes: u32, chunks: u32, quads: u32, pixels: u32, norm_groups: u32, sample: u32,
  x_offset: u32, x_stride: u32, gy_offset: u32, gy_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> stats: array<f32>;
@group(0) @binding(3) var<storage, read> gy: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> partial: array<vec4f>;

// #import norm-vectors
// #import four-stats

@compute @workgroup_size(WIDTH)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let t = id.y * groups.x * WIDTH + id.x;
  if (t >= p.count) { return; }
  let l = t % p.lanes;
  let j = t / p.lanes % p.chunks;
  let n = t / p.lanes / p.chunks;
  let mean = four_stats(3u * n * p.norm_groups + 4u * l);
  var sum = vec4f();
  var product = vec4f();
  for (var m = j; m < p.mid; m += p.chunks) {
    let v = vector(n, m, l);
    let gradient = gy[(p.gy_offset + v.row * p.gy_stride) / 4u + v.quad];
    sum += gradient;
    product += gradient * (x[(p.x_offset + v.row * p.x_stride) / 4u + v.quad] - mean);
  }
  partial[2u * t] = sum;
  partial[2u * t + 1u] = product;
}
