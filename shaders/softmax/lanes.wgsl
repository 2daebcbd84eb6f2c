// y[r, c] = exp(x[r, c] − m) / s, or, if LOG, x[r, c] − m − log s: m is the largest x of row r, and s = Σ_c
// exp(x[r, c] − m). LANES neighbouring invocations compute a row. Each takes every LANES-th channel, so that
// neighbouring invocations read neighbouring channels.
override LOG: bool = false;
struct Params { rows: u32, channels: u32, x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// #import exp-log
// #import lanes

@compute @workgroup_size(256)
fn main(
  @builtin(local_invocation_index) me: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let row = ((group.y * groups.x + group.x) * 256u + me) / LANES;
  let lane = me % LANES;
  // Invocations beyond the last row continue, because all must reach the barriers.
  let r = min(row, p.rows - 1u);
  let row_x = p.x_offset + r * p.x_stride;
  let row_y = p.y_offset + r * p.y_stride;
  var m = x[row_x];
  for (var c = lane; c < p.channels; c += LANES) { m = max(m, x[row_x + c]); }
  m = lanes_max(me, m);
  var s = 0.0;
  for (var c = lane; c < p.channels; c += LANES) { s += exp_of(x[row_x + c] - m); }
  s = lanes_sum(me, s);
  if (row >= p.rows) { return; }
  let log_s = log_of(s);
  for (var c = lane; c < p.channels; c += LANES) {
    let d = x[row_x + c] - m;
    y[row_y + c] = select(exp_of(d) / s, d - log_s, LOG);
  }
}
