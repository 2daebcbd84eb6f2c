// ga[r, c] = gy/n · sign(a[r, c] − b[r, c]), 0 where they are equal, four channels at a time; factor = 1/n.
struct Params {
  count: u32, channels: u32, factor: f32,
  a_offset: u32, a_stride: u32, b_offset: u32, b_stride: u32, ga_offset: u32, ga_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read> gy: array<f32>;
@group(0) @binding(4) var<storage, read_write> ga: array<vec4f>;

// #import sign

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let quad = id.y * groups.x * 64u + id.x;
  if (quad >= p.count) { return; }
  let r = 4u * quad / p.channels;
  let c = 4u * quad % p.channels;
  let difference = a[(p.a_offset + r * p.a_stride + c) / 4u] - b[(p.b_offset + r * p.b_stride + c) / 4u];
  ga[(p.ga_offset + r * p.ga_stride + c) / 4u] = p.factor * gy[0] * signs_of(difference);
}
