// gx[n, a, b, c] = Σ gy[n, i, j, c] / size over the windows (i, j) that contain the pixel (a, b). Every input pixel
// gathers from the windows that cover it.
// Window (i, j) contains the pixels a = i·stride_h − top + (0 … kernel_h − 1),
// b = j·stride_w − left + (0 … kernel_w − 1). Its size is the number of them between first_row and end_row,
// first_column and end_column. Here n is the image and c the channel. An invocation computes four channels of four
// neighbouring pixels. It sums each column of windows once, and adds that sum to each of the four pixels that the
// windows contain.
struct Params {
  count: u32, channels: u32, height: u32, width: u32, out_height: u32, out_width: u32,
  kernel_h: i32, kernel_w: i32, stride_h: i32, stride_w: i32, top: i32, left: i32,
  first_row: i32, first_column: i32, end_row: i32, end_column: i32,
  gy_offset: u32, gy_stride: u32, gx_offset: u32, gx_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> gx: array<vec4f>;

// #import window-size

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let item = id.y * groups.x * 64u + id.x;
  if (item >= p.count) { return; }
  let quads = p.channels / 4u;
  let strips = (p.width + 3u) / 4u;
  let c = 4u * (item % quads);
  let b0 = 4u * (item / quads % strips);
  let line = item / quads / strips;
  let n = line / p.height;
  // Window (i, j) covers row a where i·stride_h ≤ a + top < i·stride_h + kernel_h.
  let a = i32(line % p.height) + p.top;
  let b = i32(b0) + p.left;
  let first_i = max(0, (a - p.kernel_h + p.stride_h) / p.stride_h);
  let first_j = max(0, (b - p.kernel_w + p.stride_w) / p.stride_w);
  let end_i = min(i32(p.out_height), a / p.stride_h + 1);
  let end_j = min(i32(p.out_width), (b + 3) / p.stride_w + 1);
  var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
  for (var j = first_j; j < end_j; j++) {
    var column = vec4f();
    for (var i = first_i; i < end_i; i++) {
      let at = p.gy_offset + ((n * p.out_height + u32(i)) * p.out_width + u32(j)) * p.gy_stride + c;
      column += gy[at / 4u] / counted_rows(i * p.stride_h - p.top);
    }
    column /= counted_columns(j * p.stride_w - p.left);
    // Left of a window, the pixel's position in it wraps to a large number, so one comparison checks both ends.
    let k = u32(b - j * p.stride_w) + vec4u(0, 1, 2, 3) < vec4u(u32(p.kernel_w));
    s0 += select(vec4f(), column, k.x);
    s1 += select(vec4f(), column, k.y);
    s2 += select(vec4f(), column, k.z);
    s3 += select(vec4f(), column, k.w);
  }
  for (var q = b0; q < min(b0 + 4u, p.width); q++) {
    gx[(p.gx_offset + (line * p.width + q) * p.gx_stride + c) / 4u] = s0;
    s0 = s1; s1 = s2; s2 = s3;
  }
}
