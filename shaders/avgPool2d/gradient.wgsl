// gx[n, a, b, c] = Σ gy[n, i, j, c] / size over the windows (i, j) that contain the pixel (a, b). Every input pixel
// gathers from the windows that cover it.
// Window (i, j) contains the pixels a = i·stride_h − top + (0 … kernel_h − 1),
// b = j·stride_w − left + (0 … kernel_w − 1). Its size is the number of them between first_row and end_row,
// first_column and end_column. Here n is the image and c the channel.
struct Params {
  count: u32, channels: u32, height: u32, width: u32, out_height: u32, out_width: u32,
  kernel_h: i32, kernel_w: i32, stride_h: i32, stride_w: i32, top: i32, left: i32,
  first_row: i32, first_column: i32, end_row: i32, end_column: i32,
  gy_offset: u32, gy_stride: u32, gx_offset: u32, gx_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gy: array<f32>;
@group(0) @binding(2) var<storage, read_write> gx: array<f32>;

// #import window-size

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let e = id.y * groups.x * 64u + id.x;
  if (e >= p.count) { return; }
  let c = e % p.channels;
  let row = e / p.channels;
  let b = i32(row % p.width);
  let a = i32(row / p.width % p.height);
  let n = row / p.width / p.height;
  // Window (i, j) covers row a where i·stride_h ≤ a + top < i·stride_h + kernel_h.
  let first_i = max(0, (a + p.top - p.kernel_h + p.stride_h) / p.stride_h);
  let first_j = max(0, (b + p.left - p.kernel_w + p.stride_w) / p.stride_w);
  var sum = 0.0;
  for (var i = first_i; i < i32(p.out_height) && i * p.stride_h <= a + p.top; i++) {
    let rows = counted_rows(i * p.stride_h - p.top);
    for (var j = first_j; j < i32(p.out_width) && j * p.stride_w <= b + p.left; j++) {
      let size = rows * counted_columns(j * p.stride_w - p.left);
      sum += gy[p.gy_offset + ((n * p.out_height + u32(i)) * p.out_width + u32(j)) * p.gy_stride + c] / size;
    }
  }
  gx[p.gx_offset + row * p.gx_stride + c] = sum;
}
