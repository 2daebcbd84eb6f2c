// y[n, i, j, c] is channel c of image n of x where pixel (i, j) of the resized image lies, four channels at a time. For nearest, its row in x
// is ⌊i·step_h⌋. For bilinear, it lies at row step_h·(i + shift) − shift, or at the first row if that is negative, and the
// value is the mean of the rows before and after, weighted by distance. Columns are treated likewise.
struct Params {
  count: u32, channels: u32, height: u32, width: u32, out_height: u32, out_width: u32,
  bilinear: u32, shift: f32, step_h: f32, step_w: f32,
  x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

// #import resize-axis

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let item = 4u * (id.y * groups.x * 64u + id.x);
  if (item >= 4u * p.count) { return; }
  let c = item % p.channels;
  let row = item / p.channels;
  let n = row / p.out_width / p.out_height;
  let a = between(row / p.out_width % p.out_height, p.step_h, p.height);
  let b = between(row % p.out_width, p.step_w, p.width);
  let above = p.x_offset + (n * p.height + a.first) * p.width * p.x_stride + c;
  let left = b.first * p.x_stride;
  var value = x[(above + left) / 4u];
  if (p.bilinear != 0u) {
    let below = p.x_offset + (n * p.height + a.second) * p.width * p.x_stride + c;
    let right = b.second * p.x_stride;
    let upper = (1.0 - b.weight) * value + b.weight * x[(above + right) / 4u];
    let lower = (1.0 - b.weight) * x[(below + left) / 4u] + b.weight * x[(below + right) / 4u];
    value = (1.0 - a.weight) * upper + a.weight * lower;
  }
  y[(p.y_offset + row * p.y_stride + c) / 4u] = value;
}
