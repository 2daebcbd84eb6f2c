// gx = γ_g·inverse·(gy − mean(gy) − (x − μ)·k·mean(gy·(x − μ))), computed from the sums of the chunks, four channels at
// a time. The means are over the group of `size` elements. One invocation computes chunk j of lane l in image n.
// gγ_g = Σ_n inverse[n, g]·Σ gy·(x − μ), gβ_g = Σ_n Σ gy; the invocation of chunk 0 of image 0 adds the images in
// order.
// Vectors, lanes and chunks are those of gradient-partial.wgsl. Every invocation adds up all chunks of its lane, since
// they are few. stats[n, ·, g] = mean, inverse scale, coefficient k.
override WIDTH: u32 = 64u;
struct Params {
  count: u32, images: u32, mid: u32, lanes: u32, chunks: u32, quads: u32, pixels: u32, norm_groups: u32, sample: u32,
  size: f32, x_offset: u32, x_stride: u32, gy_offset: u32, gy_stride: u32, gx_offset: u32, gx_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> stats: array<f32>;
@group(0) @binding(3) var<storage, read> partial: array<vec4f>;
@group(0) @binding(4) var<storage, read> gamma: array<f32>;
@group(0) @binding(5) var<storage, read> gy: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> gx: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> ggamma: array<f32>;
@group(0) @binding(8) var<storage, read_write> gbeta: array<f32>;

// #import norm-vectors
// #import four-stats
// #import four-gamma
// Returns Σ gy and Σ gy·(x − μ) of lane l in image n for its four channels, or in sample mode four copies of their
// totals.
fn lane_sums(n: u32, l: u32) -> array<vec4f, 2> {
  var sum = vec4f();
  var product = vec4f();
  for (var i = 0u; i < p.chunks; i++) {
    let at = 2u * ((n * p.chunks + i) * p.lanes + l);
    sum += partial[at];
    product += partial[at + 1u];
  }
  if (p.sample == 0u) { return array(sum, product); }
  return array(vec4f(dot(sum, vec4f(1.0))), vec4f(dot(product, vec4f(1.0))));
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let t = id.y * groups.x * WIDTH + id.x;
  if (t >= p.count) { return; }
  let l = t % p.lanes;
  let j = t / p.lanes % p.chunks;
  let n = t / p.lanes / p.chunks;
  if (t < p.lanes) {
    var gamma_sum = vec4f();
    var beta_sum = vec4f();
    for (var i = 0u; i < p.images; i++) {
      let of_image = lane_sums(i, l);
      gamma_sum += four_stats((3u * i + 1u) * p.norm_groups + 4u * l) * of_image[1];
      beta_sum += of_image[0];
    }
    for (var i = 0u; i < min(4u, p.norm_groups); i++) {
      ggamma[4u * l + i] = gamma_sum[i];
      gbeta[4u * l + i] = beta_sum[i];
    }
  }
  let sums = lane_sums(n, l);
  let mean = four_stats(3u * n * p.norm_groups + 4u * l);
  let scale = four_gamma(4u * l) * four_stats((3u * n + 1u) * p.norm_groups + 4u * l);
  let k = four_stats((3u * n + 2u) * p.norm_groups + 4u * l);
  let gradient_mean = sums[0] / p.size;
  let slope = k * sums[1] / p.size;
  for (var m = j; m < p.mid; m += p.chunks) {
    let v = vector(n, m, l);
    let d = x[(p.x_offset + v.row * p.x_stride) / 4u + v.quad] - mean;
    let gradient = gy[(p.gy_offset + v.row * p.gy_stride) / 4u + v.quad];
    gx[(p.gx_offset + v.row * p.gx_stride) / 4u + v.quad] = scale * (gradient - gradient_mean - slope * d);
  }
}
