// gx = gy/n · (σ(x) − label), where x are the logits and σ(x) = 1 / (1 + e⁻ˣ); factor = 1/n.
struct Params {
  count: u32, channels: u32, factor: f32, label: f32, labelled: u32,
  logits_offset: u32, logits_stride: u32, labels_offset: u32, labels_stride: u32, gx_offset: u32, gx_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<f32>;
@group(0) @binding(3) var<storage, read> gy: array<f32>;
@group(0) @binding(4) var<storage, read_write> gx: array<f32>;

// #import nan
// #import bce-label

// σ(x) − label is computed as [(1 − label)·u − label·v] / (1 + e), where e = e⁻|ˣ| and (u, v) is (1, e) for x ≥ 0 and
// (e, 1) for x < 0. Nothing overflows, and no digit is lost where σ(x) is near the label.
fn error_of(x: f32, label: f32) -> f32 {
  let e = exp(-abs(x));
  let value = ((1.0 - label) * select(e, 1.0, x >= 0.0) - label * select(1.0, e, x >= 0.0)) / (1.0 + e);
  return select(value, x, is_nan(x));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= p.count) { return; }
  let r = i / p.channels;
  let c = i % p.channels;
  let x = logits[p.logits_offset + r * p.logits_stride + c];
  gx[p.gx_offset + r * p.gx_stride + c] = p.factor * gy[0] * error_of(x, label_at(r, c));
}
