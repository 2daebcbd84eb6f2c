// partial[o, j] = Σ x[o, m] over chunk j of m. One workgroup computes one partial sum. Chunk j consists of 256
// neighbouring elements m out of every chunks · 256. Invocation i adds every 256th of them; then tree_sum adds the sums
// of the invocations.
// x is seen as outer × mid; its element i = o·mid + m lies in row i / channels, channel i % channels.
struct Params { mid: u32, chunks: u32, channels: u32, x_offset: u32, x_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> partial: array<f32>;

// #import tree-sum

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) me: u32) {
  var sum = 0.0;
  for (var m = group.x * 256u + me; m < p.mid; m += p.chunks * 256u) {
    let i = group.y * p.mid + m;
    sum += x[p.x_offset + i / p.channels * p.x_stride + i % p.channels];
  }
  tree_sum(me, sum);
  if (me == 0u) { partial[group.y * p.chunks + group.x] = sums[0]; }
}
