// gx = gy/n · (σ(x) − label), where x are the logits and σ(x) = 1 / (1 + e⁻ˣ), four channels at a time; factor = 1/n.
struct Params {
  count: u32, channels: u32, factor: f32, label: f32, labelled: u32,
  logits_offset: u32, logits_stride: u32, labels_offset: u32, labels_stride: u32, gx_offset: u32, gx_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> logits: array<vec4f>;
@group(0) @binding(2) var<storage, read> labels: array<vec4f>;
@group(0) @binding(3) var<storage, read> gy: array<f32>;
@group(0) @binding(4) var<storage, read_write> gx: array<vec4f>;

// #import nan

// Returns the labels of the four channels from channel c on: their own labels, or the one for all logits.
fn labels_at(r: u32, c: u32) -> vec4f {
  if (p.labelled == 0u) { return vec4f(p.label); }
  return labels[(p.labels_offset + r * p.labels_stride + c) / 4u];
}

// σ(x) − label is computed as [(1 − label)·u − label·v] / (1 + e), where e = e⁻|ˣ| and (u, v) is (1, e) for x ≥ 0 and
// (e, 1) for x < 0. Nothing overflows, and no digit is lost where σ(x) is near the label.
fn error_of(x: vec4f, label: vec4f) -> vec4f {
  let e = exp(-abs(x));
  let value = ((1.0 - label) * select(e, vec4f(1.0), x >= vec4f()) - label * select(vec4f(1.0), e, x >= vec4f())) / (1.0 + e);
  return select(value, x, are_nan(x));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let quad = id.y * groups.x * 64u + id.x;
  if (quad >= p.count) { return; }
  let r = 4u * quad / p.channels;
  let c = 4u * quad % p.channels;
  let x = logits[(p.logits_offset + r * p.logits_stride + c) / 4u];
  gx[(p.gx_offset + r * p.gx_stride + c) / 4u] = p.factor * gy[0] * error_of(x, labels_at(r, c));
}
