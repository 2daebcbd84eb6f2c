// ga[r, c] = gy/n · sign(a[r, c] − b[r, c]), 0 where they are equal; factor = 1/n.
struct Params {
  count: u32, channels: u32, factor: f32,
  a_offset: u32, a_stride: u32, b_offset: u32, b_stride: u32, ga_offset: u32, ga_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> gy: array<f32>;
@group(0) @binding(4) var<storage, read_write> ga: array<f32>;

// #import l1-difference
// #import sign

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= p.count) { return; }
  let r = i / p.channels;
  let c = i % p.channels;
  ga[p.ga_offset + r * p.ga_stride + c] = p.factor * gy[0] * sign_of(difference(r, c));
}
