// gx[r, c] = y[r, c] · (gy[r, c] − s) with s = Σ_c y[r, c] · gy[r, c], or, if LOG, gy[r, c] − exp(y[r, c]) · s with
// s = Σ_c gy[r, c]. One invocation computes a row.
override LOG: bool = false;
struct Params {
  rows: u32, channels: u32, y_offset: u32, y_stride: u32, gy_offset: u32, gy_stride: u32, gx_offset: u32, gx_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> gy: array<f32>;
@group(0) @binding(3) var<storage, read_write> gx: array<f32>;

// #import exp-log

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let r = id.y * groups.x * 64u + id.x;
  if (r >= p.rows) { return; }
  let row_y = p.y_offset + r * p.y_stride;
  let row_gy = p.gy_offset + r * p.gy_stride;
  let row_gx = p.gx_offset + r * p.gx_stride;
  var s = 0.0;
  for (var c = 0u; c < p.channels; c++) { s += gy[row_gy + c] * select(y[row_y + c], 1.0, LOG); }
  for (var c = 0u; c < p.channels; c++) {
    let g = gy[row_gy + c];
    let v = y[row_y + c];
    gx[row_gx + c] = select(v * (g - s), g - exp_of(v) * s, LOG);
  }
}
