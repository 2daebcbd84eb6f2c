// gx[r, c] = factor · gy[r · gy_step] · (softmax(logits)[r, c] − t[r, c]), where t is 1 − smoothing at the label of row
// r and 0 elsewhere, plus smoothing / C everywhere. gy has one value (gy_step 0) or one for each row. One invocation
// computes a row.
struct Params {
  rows: u32, channels: u32, smoothing: f32, factor: f32, gy_step: u32,
  logits_offset: u32, logits_stride: u32, gx_offset: u32, gx_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read> gy: array<f32>;
@group(0) @binding(4) var<storage, read_write> gx: array<f32>;

// #import exp-log
// #import nan-unless
// #import cross-entropy-gradient

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let r = id.y * groups.x * 64u + id.x;
  if (r >= p.rows) { return; }
  let row = p.logits_offset + r * p.logits_stride;
  let row_gx = p.gx_offset + r * p.gx_stride;
  var m = logits[row];
  for (var c = 1u; c < p.channels; c++) { m = max(m, logits[row + c]); }
  var s = 0.0;
  for (var c = 0u; c < p.channels; c++) { s += exp_of(logits[row + c] - m); }
  let label = labels[r];
  let g = gy[r * p.gy_step];
  for (var c = 0u; c < p.channels; c++) { gx[row_gx + c] = gradient(c, logits[row + c] - m, s, label, g); }
}
