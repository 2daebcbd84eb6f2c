// y has the elements of x in the same order, in rows of another length, four at a time: channels, strides and offsets
// of both are multiples of 4. Values of any type are copied as bits.
struct Params { count: u32, channels: u32, x_channels: u32, x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4u>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let quad = id.y * groups.x * 64u + id.x;
  if (quad >= p.count) { return; }
  let i = 4u * quad;
  y[(p.y_offset + i / p.channels * p.y_stride + i % p.channels) / 4u] =
    x[(p.x_offset + i / p.x_channels * p.x_stride + i % p.x_channels) / 4u];
}
