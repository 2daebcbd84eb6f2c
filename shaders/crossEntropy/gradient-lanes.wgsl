// gx[r, c] = factor · gy[r · gy_step] · (softmax(logits)[r, c] − t[r, c]), where t is 1 − smoothing at the label of row
// r and 0 elsewhere, plus smoothing / C everywhere. gy has one value (gy_step 0) or one for each row. LANES
// neighbouring invocations compute a row. Each takes every LANES-th channel.
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
// #import lanes

@compute @workgroup_size(256)
fn main(
  @builtin(local_invocation_index) me: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let r = ((group.y * groups.x + group.x) * 256u + me) / LANES;
  let lane = me % LANES;
  // Invocations beyond the last row continue, because all must reach the barriers.
  let row = p.logits_offset + min(r, p.rows - 1u) * p.logits_stride;
  let row_gx = p.gx_offset + r * p.gx_stride;
  var m = logits[row];
  for (var c = lane; c < p.channels; c += LANES) { m = max(m, logits[row + c]); }
  m = lanes_max(me, m);
  var s = 0.0;
  for (var c = lane; c < p.channels; c += LANES) { s += exp_of(logits[row + c] - m); }
  s = lanes_sum(me, s);
  if (r >= p.rows) { return; }
  let label = labels[r];
  let g = gy[r * p.gy_step];
  for (var c = lane; c < p.channels; c += LANES) { gx[row_gx + c] = gradient(c, logits[row + c] - m, s, label, g); }
}
