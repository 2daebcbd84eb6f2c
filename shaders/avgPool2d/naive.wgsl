// y[n, i, j, c] = Σ x[n, a, b, c] / size over the window (i, j): a = i·stride_h − top + (0 … kernel_h − 1),
// b = j·stride_w − left + (0 … kernel_w − 1). Positions outside the image count as 0. The size of the window is the
// number of its pixels between first_row and end_row, first_column and end_column. Here n is the image and c the
// channel.
struct Params {
  count: u32, channels: u32, height: u32, width: u32, out_height: u32, out_width: u32,
  kernel_h: i32, kernel_w: i32, stride_h: i32, stride_w: i32, top: i32, left: i32,
  first_row: i32, first_column: i32, end_row: i32, end_column: i32,
  x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// #import window-size

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let e = id.y * groups.x * 64u + id.x;
  if (e >= p.count) { return; }
  let c = e % p.channels;
  let row = e / p.channels;
  let j = row % p.out_width;
  let i = row / p.out_width % p.out_height;
  let n = row / p.out_width / p.out_height;
  let a0 = i32(i) * p.stride_h - p.top;
  let b0 = i32(j) * p.stride_w - p.left;
  var sum = 0.0;
  for (var a = max(a0, 0); a < min(a0 + p.kernel_h, i32(p.height)); a++) {
    for (var b = max(b0, 0); b < min(b0 + p.kernel_w, i32(p.width)); b++) {
      sum += x[p.x_offset + ((n * p.height + u32(a)) * p.width + u32(b)) * p.x_stride + c];
    }
  }
  y[p.y_offset + row * p.y_stride + c] = sum / (counted_rows(a0) * counted_columns(b0));
}
