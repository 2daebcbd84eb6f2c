// y = γ_c (x − μ) / √(σ² + ε) + β_c per channel over few pixels. One invocation computes the four channels
// 4·l + (0 … 3) of image n; quads = channels / 4. stats[n, ·, c] = mean, inverse scale, its square.
struct Params {
  count: u32, quads: u32, pixels: u32, epsilon: f32,
  x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(3) var<storage, read> beta: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> stats: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let t = id.y * groups.x * 64u + id.x;
  if (t >= p.count) { return; }
  let l = t % p.quads;
  let n = t / p.quads;
  let at = 3u * n * p.quads + l;
  // Welford's recurrence keeps the mean and the sum of squared deviations of the pixels so far.
  var mean = vec4f();
  var squares = vec4f();
  for (var m = 0u; m < p.pixels; m++) {
    let value = x[(p.x_offset + (n * p.pixels + m) * p.x_stride) / 4u + l];
    let d = value - mean;
    mean += d / f32(m + 1u);
    squares += d * (value - mean);
  }
  let inverse = inverseSqrt(squares / f32(p.pixels) + p.epsilon);
  stats[at] = mean;
  stats[at + p.quads] = inverse;
  stats[at + 2u * p.quads] = inverse * inverse;
  let scale = gamma[l] * inverse;
  let shift = beta[l];
  for (var m = 0u; m < p.pixels; m++) {
    let row = n * p.pixels + m;
    y[(p.y_offset + row * p.y_stride) / 4u + l] = scale * (x[(p.x_offset + row * p.x_stride) / 4u + l] - mean) + shift;
  }
}
