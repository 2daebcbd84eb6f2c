// y[o, k] = factor · Σ_m x[o, m, k]. One invocation computes one result.
// x is seen as outer × mid × inner, with indices o, m and k; the sum runs over m. Element i = (o·mid + m)·inner + k
// lies in row i / channels, channel i % channels.
struct Params { count: u32, mid: u32, inner: u32, channels: u32, factor: f32, x_offset: u32, x_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let t = id.y * groups.x * 64u + id.x;
  if (t >= p.count) { return; }
  let k = t % p.inner;
  let o = t / p.inner;
  var sum = 0.0;
  for (var m = 0u; m < p.mid; m++) {
    let i = (o * p.mid + m) * p.inner + k;
    sum += x[p.x_offset + i / p.channels * p.x_stride + i % p.channels];
  }
  y[t] = p.factor * sum;
}
