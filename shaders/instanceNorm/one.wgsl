// y = γ_g·inverse·(x − μ) + β_g in one dispatch, four channels at a time: a workgroup per image n and LANES lanes.
// An image is seen as mid × lanes vectors of four channels: vector q = m·lanes + l lies at row q / quads, channels
// 4·(q % quads) + (0 … 3), quads = channels / 4. Channel mode has `quads` lanes, so that each lane has its own four
// channels; sample mode has one. Row i of the invocations takes m = i, i + ROWS, i + 2·ROWS, ….
// Each follows Welford's recurrence over its own; with c_i elements, mean μ_i and squares S_i of row i (Chan et al.)
// μ = μ_0 + Σ c_i (μ_i − μ_0) / Σ c_i and S = Σ S_i + c_i (μ_i − μ)², rows in order; in sample mode the four channels
// are joined the same way. stats[n, ·, g] = mean, inverse scale, coefficient k.
override LANES: u32 = 8u;
override ROWS: u32 = 8u;
struct Params {
  mid: u32, lanes: u32, quads: u32, pixels: u32, norm_groups: u32, sample: u32, epsilon: f32,
  x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> gamma: array<f32>;
@group(0) @binding(3) var<storage, read> beta: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> stats: array<f32>;

var<workgroup> means: array<vec4f, LANES * ROWS>;
var<workgroup> all_squares: array<vec4f, LANES * ROWS>;

// Inverse scale and coefficient k of the gradient. Channel mode: 1/√(σ² + ε), its square. Sample mode: 1/(σ + ε), that
// by σ.
fn scales(variance: vec4f) -> array<vec4f, 2> {
  if (p.sample == 0u) {
    let inverse = inverseSqrt(variance + p.epsilon);
    return array(inverse, inverse * inverse);
  }
  let sigma = sqrt(variance);
  let inverse = 1.0 / (sigma + p.epsilon);
  return array(inverse, select(vec4f(), inverse / sigma, sigma > vec4f()));
}
// The values of a lane's four channels, or four times that of the sample.
fn four_gamma(at: u32) -> vec4f {
  if (p.sample == 1u) { return vec4f(gamma[at]); }
  return vec4f(gamma[at], gamma[at + 1u], gamma[at + 2u], gamma[at + 3u]);
}
fn four_beta(at: u32) -> vec4f {
  if (p.sample == 1u) { return vec4f(beta[at]); }
  return vec4f(beta[at], beta[at + 1u], beta[at + 2u], beta[at + 3u]);
}

@compute @workgroup_size(LANES, ROWS)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) me: u32,
) {
  let l = group.x * LANES + local.x;
  let n = group.y;
  var seen = 0.0;
  var mean = vec4f();
  var squares = vec4f();
  for (var m = local.y; m < p.mid && l < p.lanes; m += ROWS) {
    let q = m * p.lanes + l;
    let value = x[(p.x_offset + (n * p.pixels + q / p.quads) * p.x_stride) / 4u + q % p.quads];
    seen += 1.0;
    let d = value - mean;
    mean += d / seen;
    squares += d * (value - mean);
  }
  means[me] = mean;
  all_squares[me] = squares;
  workgroupBarrier();
  if (l >= p.lanes) { return; }
  let rows = min(ROWS, p.mid);
  let first = means[local.x];
  var apart = vec4f();
  for (var i = 0u; i < rows; i++) {
    apart += f32((p.mid - i + ROWS - 1u) / ROWS) * (means[i * LANES + local.x] - first);
  }
  mean = first + apart / f32(p.mid);
  squares = vec4f();
  for (var i = 0u; i < rows; i++) {
    let d = means[i * LANES + local.x] - mean;
    squares += all_squares[i * LANES + local.x] + f32((p.mid - i + ROWS - 1u) / ROWS) * d * d;
  }
  var variance = squares / f32(p.mid);
  if (p.sample == 1u) {
    let joint = mean.x + dot(mean - mean.x, vec4f(0.25));
    let d = mean - joint;
    variance = vec4f(dot(variance + d * d, vec4f(0.25)));
    mean = vec4f(joint);
  }
  let s = scales(variance);
  for (var i = 0u; i < min(4u, p.norm_groups) && local.y == 0u; i++) {
    let g = 4u * l + i;
    stats[(3u * n) * p.norm_groups + g] = mean[i];
    stats[(3u * n + 1u) * p.norm_groups + g] = s[0][i];
    stats[(3u * n + 2u) * p.norm_groups + g] = s[1][i];
  }
  let scale = four_gamma(4u * l) * s[0];
  let shift = four_beta(4u * l);
  for (var m = local.y; m < p.mid; m += ROWS) {
    let q = m * p.lanes + l;
    let row = n * p.pixels + q / p.quads;
    let value = x[(p.x_offset + row * p.x_stride) / 4u + q % p.quads];
    y[(p.y_offset + row * p.y_stride) / 4u + q % p.quads] = scale * (value - mean) + shift;
  }
}
