// partial[j] = Σ |a_i − b_i| over i = j, j + chunks, j + 2·chunks, …. One invocation computes one partial sum.
// Element i lies in row i / channels, channel i % channels; neighbouring invocations read neighbouring elements.
struct Params { count: u32, chunks: u32, channels: u32, a_offset: u32, a_stride: u32, b_offset: u32, b_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> partial: array<f32>;

// #import l1-difference

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let j = id.y * groups.x * 64u + id.x;
  if (j >= p.chunks) { return; }
  var sum = 0.0;
  for (var i = j; i < p.count; i += p.chunks) {
    sum += abs(difference(i / p.channels, i % p.channels));
  }
  partial[j] = sum;
}
