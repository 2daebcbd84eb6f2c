// y[r, c] = f(a[r, c], b[r, c]); the body of f comes from the table of elementwise ops, and k is the constant of its
// row there.
// A vector [C] that is used for every row has a stride of 0. A single value also has a step of 0; otherwise steps are
// 1.
struct Params {
  count: u32, channels: u32, k: f32,
  a_offset: u32, a_stride: u32, a_step: u32, b_offset: u32, b_stride: u32, b_step: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

fn f(a: f32, b: f32, k: f32) -> f32 { return k * (a + b); }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= p.count) { return; }
  let r = i / p.channels;
  let c = i % p.channels;
  let u = a[p.a_offset + r * p.a_stride + c * p.a_step];
  let v = b[p.b_offset + r * p.b_stride + c * p.b_step];
  y[p.y_offset + r * p.y_stride + c] = f(u, v, p.k);
}
