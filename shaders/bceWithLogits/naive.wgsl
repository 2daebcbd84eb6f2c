// y = 1/n · Σ_i [softplus(x_i) − label_i·x_i], where x are the logits, in one invocation. Element i lies in row
// i / channels, channel i % channels.
struct Params {
  count: u32, channels: u32, factor: f32, label: f32, labelled: u32,
  logits_offset: u32, logits_stride: u32, labels_offset: u32, labels_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// #import bce-label
// #import bce-term

@compute @workgroup_size(1)
fn main() {
  var sum = 0.0;
  for (var i = 0u; i < p.count; i++) {
    let r = i / p.channels;
    let c = i % p.channels;
    sum += term(logits[p.logits_offset + r * p.logits_stride + c], label_at(r, c));
  }
  y[0] = p.factor * sum;
}
