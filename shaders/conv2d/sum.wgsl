// y[r, o] = Σ_s partials[s, r, o] + bias[o] adds the chunks of a convolution whose reduction was split, in order.
struct Params {
  count: u32, O: u32, splits: u32, biased: u32, bias_offset: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// #import split-sum

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.y * groups.x * 64u + id.x;
  if (index >= p.count) { return; }
  let o = index % p.O;
  var sum = split_sum(index);
  if (p.biased != 0u) { sum += bias[p.bias_offset + o]; }
  y[p.y_offset + index / p.O * p.y_stride + o] = sum;
}
