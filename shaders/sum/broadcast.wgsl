// This is the adjoint of a sum: y[o, m, k] = factor · x[o, k], element by element.
// y is seen as outer × mid × inner; its element i = (o·mid + m)·inner + k lies in row i / channels, channel i %
// channels.
struct Params { count: u32, mid: u32, inner: u32, channels: u32, factor: f32, y_offset: u32, y_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= p.count) { return; }
  let k = i % p.inner;
  let o = i / p.inner / p.mid;
  y[p.y_offset + i / p.channels * p.y_stride + i % p.channels] = p.factor * x[o * p.inner + k];
}
