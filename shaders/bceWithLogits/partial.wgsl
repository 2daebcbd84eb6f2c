// partial[j] = Σ [softplus(x_i) − label_i·x_i] over i = j, j + chunks, …, where x are the logits. One invocation computes
// one partial sum. Element i lies in row i / channels, channel i % channels; neighbouring invocations read neighbouring
// elements.
struct Params {
  count: u32, chunks: u32, channels: u32, label: f32, labelled: u32,
  logits_offset: u32, logits_stride: u32, labels_offset: u32, labels_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<f32>;
@group(0) @binding(3) var<storage, read_write> partial: array<f32>;

// #import bce-label
// #import bce-term

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let j = id.y * groups.x * 64u + id.x;
  if (j >= p.chunks) { return; }
  var sum = 0.0;
  for (var i = j; i < p.count; i += p.chunks) {
    let r = i / p.channels;
    let c = i % p.channels;
    sum += term(logits[p.logits_offset + r * p.logits_stride + c], label_at(r, c));
  }
  partial[j] = sum;
}
