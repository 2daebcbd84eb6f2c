// y[n, i, j, c] = Σ x[n, a, b, c] / size over the window (i, j): a = i·stride_h − top + (0 … kernel_h − 1),
// b = j·stride_w − left + (0 … kernel_w − 1). Positions outside the image count as 0. The size of the window is the
// number of its pixels between first_row and end_row, first_column and end_column. Here n is the image and c the
// channel.
// An invocation computes four channels of four neighbouring pixels. It sums each column of their windows once, and adds
// that sum to each of the four pixels whose window contains the column.
struct Params {
  count: u32, channels: u32, height: u32, width: u32, out_height: u32, out_width: u32,
  kernel_h: i32, kernel_w: i32, stride_h: i32, stride_w: i32, top: i32, left: i32,
  first_row: i32, first_column: i32, end_row: i32, end_column: i32,
  x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

// #import window-size

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let item = id.y * groups.x * 64u + id.x;
  if (item >= p.count) { return; }
  let quads = p.channels / 4u;
  let strips = (p.out_width + 3u) / 4u;
  let c = 4u * (item % quads);
  let j = 4u * (item / quads % strips);
  let line = item / quads / strips;
  let n = line / p.out_height;
  let a0 = i32(line % p.out_height) * p.stride_h - p.top;
  let b0 = i32(j) * p.stride_w - p.left;
  let first = max(a0, 0);
  let end = min(a0 + p.kernel_h, i32(p.height));
  let last = b0 + 3 * p.stride_w + p.kernel_w;
  var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
  for (var b = max(b0, 0); b < min(last, i32(p.width)); b++) {
    var column = vec4f();
    for (var a = first; a < end; a++) {
      column += x[(p.x_offset + ((n * p.height + u32(a)) * p.width + u32(b)) * p.x_stride + c) / 4u];
    }
    // Left of a window, the position in it wraps to a large number, so one comparison checks both ends.
    let k = u32(b - b0) - vec4u(0, 1, 2, 3) * u32(p.stride_w) < vec4u(u32(p.kernel_w));
    s0 += select(vec4f(), column, k.x);
    s1 += select(vec4f(), column, k.y);
    s2 += select(vec4f(), column, k.z);
    s3 += select(vec4f(), column, k.w);
  }
  let rows = counted_rows(a0);
  for (var q = j; q < min(j + 4u, p.out_width); q++) {
    let size = rows * counted_columns(i32(q) * p.stride_w - p.left);
    y[(p.y_offset + (line * p.out_width + q) * p.y_stride + c) / 4u] = s0 / size;
    s0 = s1; s1 = s2; s2 = s3;
  }
}
