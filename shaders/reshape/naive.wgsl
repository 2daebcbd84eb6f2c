// y has the elements of x in the same order, in rows of another length. Element i of either lies in its row
// i / channels, channel i % channels. Values of any type are copied as bits.
struct Params { count: u32, channels: u32, x_channels: u32, x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= p.count) { return; }
  y[p.y_offset + i / p.channels * p.y_stride + i % p.channels] =
    x[p.x_offset + i / p.x_channels * p.x_stride + i % p.x_channels];
}
