// y = γ_g (x − μ)·inverse + β_g. One invocation computes one group, which has `size` elements.
// A group g of image n is one channel, or in sample mode all of them. Its element m is in row n·pixels + m / width and
// channel g·width + m % width, where width is 1, or in sample mode the number of channels. stats[n, ·, g] = mean,
// inverse scale, coefficient k.
struct Params {
  count: u32, norm_groups: u32, size: u32, width: u32, pixels: u32, sample: u32, epsilon: f32,
  x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> gamma: array<f32>;
@group(0) @binding(3) var<storage, read> beta: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read_write> stats: array<f32>;

// #import norm-scales

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let t = id.y * groups.x * 64u + id.x;
  if (t >= p.count) { return; }
  let n = t / p.norm_groups;
  let g = t % p.norm_groups;
  // Welford's recurrence keeps the mean and the sum of squared deviations of the elements so far.
  var mean = 0.0;
  var squares = 0.0;
  for (var m = 0u; m < p.size; m++) {
    let value = x[p.x_offset + (n * p.pixels + m / p.width) * p.x_stride + g * p.width + m % p.width];
    let d = value - mean;
    mean += d / f32(m + 1u);
    squares += d * (value - mean);
  }
  let s = scales(vec4f(squares / f32(p.size)));
  stats[(3u * n) * p.norm_groups + g] = mean;
  stats[(3u * n + 1u) * p.norm_groups + g] = s[0].x;
  stats[(3u * n + 2u) * p.norm_groups + g] = s[1].x;
  for (var m = 0u; m < p.size; m++) {
    let row = n * p.pixels + m / p.width;
    let c = g * p.width + m % p.width;
    y[p.y_offset + row * p.y_stride + c] = gamma[g] * s[0].x * (x[p.x_offset + row * p.x_stride + c] - mean) + beta[g];
  }
}
