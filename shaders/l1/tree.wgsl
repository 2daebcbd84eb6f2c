// partial[j] = Σ |a_i − b_i| over chunk j. One workgroup computes one partial sum. Chunk j consists of 256 neighbouring
// elements i out of every chunks · 256. Invocation k adds every 256th of them; then tree_sum adds the sums of the
// invocations.
// Element i lies in row i / channels, channel i % channels.
struct Params { count: u32, chunks: u32, channels: u32, a_offset: u32, a_stride: u32, b_offset: u32, b_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> partial: array<f32>;

// #import l1-difference
// #import tree-sum

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) me: u32) {
  var sum = 0.0;
  for (var i = group.x * 256u + me; i < p.count; i += p.chunks * 256u) {
    sum += abs(difference(i / p.channels, i % p.channels));
  }
  tree_sum(me, sum);
  if (me == 0u) { partial[group.x] = sums[0]; }
}
