// One invocation computes y = 1/n · Σ_i |a_i − b_i|. Element i lies in row i / channels, channel i % channels.
struct Params { count: u32, channels: u32, factor: f32, a_offset: u32, a_stride: u32, b_offset: u32, b_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// #import l1-difference

@compute @workgroup_size(1)
fn main() {
  var sum = 0.0;
  for (var i = 0u; i < p.count; i++) {
    sum += abs(difference(i / p.channels, i % p.channels));
  }
  y[0] = p.factor * sum;
}
