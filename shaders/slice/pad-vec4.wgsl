// This is the adjoint of a channel slice, four channels at a time: y[r, c] = x[r, c − at] where at ≤ c < at + C, else
// 0.
struct Params { count: u32, channels: u32, x_channels: u32, at: u32, x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= p.count) { return; }
  let quads = p.channels / 4u;
  let r = i / quads;
  let c = 4u * (i % quads);
  var value = vec4f();
  if (c >= p.at && c < p.at + p.x_channels) { value = x[(p.x_offset + r * p.x_stride + c - p.at) / 4u]; }
  y[(p.y_offset + r * p.y_stride + c) / 4u] = value;
}
