// y[r] = −Σ_c t[r, c] · log softmax(logits)[r, c], where t is 1 − smoothing at the label of row r and 0 elsewhere, plus
// smoothing / C everywhere. One invocation computes a row.
struct Params { rows: u32, channels: u32, smoothing: f32, logits_offset: u32, logits_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// #import exp-log
// #import nan-unless
// #import cross-entropy-row

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let r = id.y * groups.x * 64u + id.x;
  if (r >= p.rows) { return; }
  let row = p.logits_offset + r * p.logits_stride;
  var m = logits[row];
  for (var c = 1u; c < p.channels; c++) { m = max(m, logits[row + c]); }
  var s = 0.0;
  var t = 0.0;
  for (var c = 0u; c < p.channels; c++) {
    let d = logits[row + c] - m;
    s += exp_of(d);
    t += d;
  }
  y[r] = row_loss(r, m, s, t);
}
