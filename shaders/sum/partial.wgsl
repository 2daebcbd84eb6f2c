// partial[o, j, k] = Σ x[o, m, k] over m = j, j + chunks, j + 2·chunks, …. One invocation computes one partial sum.
// x is seen as outer × mid × inner (see naive.wgsl). Neighbouring invocations read neighbouring elements: along k, and
// along m where inner is 1.
struct Params { count: u32, mid: u32, inner: u32, chunks: u32, channels: u32, x_offset: u32, x_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> partial: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let t = id.y * groups.x * 64u + id.x;
  if (t >= p.count) { return; }
  let k = t % p.inner;
  let j = t / p.inner % p.chunks;
  let o = t / p.inner / p.chunks;
  var sum = 0.0;
  for (var m = j; m < p.mid; m += p.chunks) {
    let i = (o * p.mid + m) * p.inner + k;
    sum += x[p.x_offset + i / p.channels * p.x_stride + i % p.channels];
  }
  partial[t] = sum;
}
