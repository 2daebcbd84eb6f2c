// y[r] = −Σ_c t[r, c] · log softmax(logits)[r, c], where t is 1 − smoothing at the label of row r and 0 elsewhere, plus
// smoothing / C everywhere. LANES neighbouring invocations compute a row. Each takes every LANES-th channel.
struct Params { rows: u32, channels: u32, smoothing: f32, logits_offset: u32, logits_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// #import exp-log
// #import nan-unless
// #import cross-entropy-row
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
  var m = logits[row];
  for (var c = lane; c < p.channels; c += LANES) { m = max(m, logits[row + c]); }
  m = lanes_max(me, m);
  var s = 0.0;
  var t = 0.0;
  for (var c = lane; c < p.channels; c += LANES) {
    let d = logits[row + c] - m;
    s += exp_of(d);
    t += d;
  }
  s = lanes_sum(me, s);
  t = lanes_sum(me, t);
  if (r < p.rows && lane == 0u) { y[r] = row_loss(r, m, s, t); }
}
