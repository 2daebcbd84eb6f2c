// gx = γ_g·inverse·(gy − mean(gy) − d·k·mean(gy·d)), where d = x − μ and the means are over the group. One invocation
// computes one group. gx is computed as γ_g·inverse·(r + leak·q·d) with q = Σ gy·d / Σ d², leak = 1 − k·σ² and the
// residual r = gy − mean(gy) − q·d. In short groups r is small beside gy and consists mostly of rounding errors, so the
// kernel makes it orthogonal to 1 and d once more.
// A group g of image n is one channel, or in sample mode all of them. Its element m is in row n·pixels + m / width and
// channel g·width + m % width, where width is 1, or in sample mode the number of channels. stats[n, ·, g] = mean,
// inverse scale, coefficient k. sums[n, ·, g] = Σ gy, Σ gy·(x − μ), from which the gradients of γ and β are computed.
struct Params {
  count: u32, norm_groups: u32, size: u32, width: u32, pixels: u32, sample: u32, epsilon: f32,
  x_offset: u32, x_stride: u32, gy_offset: u32, gy_stride: u32, gx_offset: u32, gx_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> stats: array<f32>;
@group(0) @binding(3) var<storage, read> gamma: array<f32>;
@group(0) @binding(4) var<storage, read> gy: array<f32>;
@group(0) @binding(5) var<storage, read_write> gx: array<f32>;
@group(0) @binding(6) var<storage, read_write> sums: array<f32>;

fn x_at(n: u32, g: u32, m: u32) -> f32 {
  return x[p.x_offset + (n * p.pixels + m / p.width) * p.x_stride + g * p.width + m % p.width];
}

fn gy_at(n: u32, g: u32, m: u32) -> f32 {
  return gy[p.gy_offset + (n * p.pixels + m / p.width) * p.gy_stride + g * p.width + m % p.width];
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let t = id.y * groups.x * 64u + id.x;
  if (t >= p.count) { return; }
  let n = t / p.norm_groups;
  let g = t % p.norm_groups;
  let mean = stats[(3u * n) * p.norm_groups + g];
  let inverse = stats[(3u * n + 1u) * p.norm_groups + g];
  let k = stats[(3u * n + 2u) * p.norm_groups + g];
  let leak = p.epsilon * select(k, inverse, p.sample == 1u);
  var sum = 0.0;
  var product = 0.0;
  var squares = 0.0;
  for (var m = 0u; m < p.size; m++) {
    let gradient = gy_at(n, g, m);
    let d = x_at(n, g, m) - mean;
    sum += gradient;
    product += gradient * d;
    squares += d * d;
  }
  sums[(2u * n) * p.norm_groups + g] = sum;
  sums[(2u * n + 1u) * p.norm_groups + g] = product;
  let size = f32(p.size);
  let per_square = select(0.0, 1.0 / squares, squares > 0.0);
  let q = product * per_square;
  var rest = 0.0;
  var rest_product = 0.0;
  for (var m = 0u; m < p.size; m++) {
    let d = x_at(n, g, m) - mean;
    let r = gy_at(n, g, m) - sum / size - q * d;
    rest += r;
    rest_product += r * d;
  }
  for (var m = 0u; m < p.size; m++) {
    let d = x_at(n, g, m) - mean;
    let r = (gy_at(n, g, m) - sum / size - q * d) - rest / size - rest_product * per_square * d;
    gx[p.gx_offset + (n * p.pixels + m / p.width) * p.gx_stride + g * p.width + m % p.width] =
      gamma[g] * inverse * (r + leak * q * d);
  }
}
