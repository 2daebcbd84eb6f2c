// y[n, i, j, c] = x[n, i + rows, j + cols, c] where that is inside the image, else `outside`.
// Four channels at a time: channels, strides and offsets are multiples of 4.
struct Params {
  count: u32, height: u32, width: u32, channels: u32, rows: i32, cols: i32, outside: f32,
  x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let k = id.y * groups.x * 64u + id.x;
  if (k >= p.count) { return; }
  let quads = p.channels / 4u;
  let r = k / quads;
  let c = 4u * (k % quads);
  let i = i32(r / p.width % p.height) + p.rows;
  let j = i32(r % p.width) + p.cols;
  var value = vec4f(p.outside);
  if (i >= 0 && j >= 0 && i < i32(p.height) && j < i32(p.width)) {
    let source = u32(i32(r) + p.rows * i32(p.width) + p.cols);
    value = x[(p.x_offset + source * p.x_stride + c) / 4u];
  }
  y[(p.y_offset + r * p.y_stride + c) / 4u] = value;
}
