// y = γ_g·inverse·(x − μ) + β_g in one dispatch, four channels at a time. One workgroup computes LANES lanes of image
// n. An image is seen as mid × lanes vectors of four channels (shared/norm-vectors.wgsl). Row i of the invocations
// takes m = i, i + ROWS, i + 2·ROWS, ….
// Each invocation applies Welford's recurrence to its elements. Then the rows are combined in order: if row i has c_i
// elements, the mean μ_i and the sum of squared deviations S_i, then (Chan et al.) μ = μ_0 + Σ c_i (μ_i − μ_0) / Σ c_i
// and S = Σ S_i + c_i (μ_i − μ)². In sample mode the four channels are combined the same way. stats[n, ·, g] = mean,
// inverse scale, coefficient k.
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

// #import norm-vectors
// #import norm-stats
// #import four-gamma
// #import four-beta

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
    let v = vector(n, m, l);
    let value = x[(p.x_offset + v.row * p.x_stride) / 4u + v.quad];
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
  let norm = norm_of(mean, squares / f32(p.mid));
  if (local.y == 0u) { put_stats(n, l, norm); }
  let scale = four_gamma(4u * l) * norm.inverse;
  let shift = four_beta(4u * l);
  for (var m = local.y; m < p.mid; m += ROWS) {
    let v = vector(n, m, l);
    let value = x[(p.x_offset + v.row * p.x_stride) / 4u + v.quad];
    y[(p.y_offset + v.row * p.y_stride) / 4u + v.quad] = scale * (value - norm.mean) + shift;
  }
}
