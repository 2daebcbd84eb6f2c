// y[r, c] = exp(x[r, c] − m) / s, or, if LOG, x[r, c] − m − log s: m is the largest x of row r, and s = Σ_c
// exp(x[r, c] − m). One invocation computes a row.
override LOG: bool = false;
struct Params { rows: u32, channels: u32, x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// #import exp-log

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let r = id.y * groups.x * 64u + id.x;
  if (r >= p.rows) { return; }
  let row_x = p.x_offset + r * p.x_stride;
  let row_y = p.y_offset + r * p.y_stride;
  var m = x[row_x];
  for (var c = 1u; c < p.channels; c++) { m = max(m, x[row_x + c]); }
  var s = 0.0;
  for (var c = 0u; c < p.channels; c++) { s += exp_of(x[row_x + c] - m); }
  let log_s = log_of(s);
  for (var c = 0u; c < p.channels; c++) {
    let d = x[row_x + c] - m;
    y[row_y + c] = select(exp_of(d) / s, d - log_s, LOG);
  }
}
