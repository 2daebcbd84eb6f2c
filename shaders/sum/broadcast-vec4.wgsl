// This is the adjoint of a sum, four channels at a time: y[o, m, k] = factor · x[o, k]; channels, stride and offset are
// multiples of 4.
// y is seen as outer × mid × inner. inner is 1 (the four elements share one value) or the channels (they have four).
struct Params { count: u32, mid: u32, inner: u32, channels: u32, factor: f32, y_offset: u32, y_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let quad = id.y * groups.x * 64u + id.x;
  if (quad >= p.count) { return; }
  let i = 4u * quad;
  let at = i / p.inner / p.mid * p.inner + i % p.inner;
  var value = vec4f(x[at]);
  if (p.inner > 1u) { value = vec4f(x[at], x[at + 1u], x[at + 2u], x[at + 3u]); }
  y[(p.y_offset + i / p.channels * p.y_stride + i % p.channels) / 4u] = p.factor * value;
}
