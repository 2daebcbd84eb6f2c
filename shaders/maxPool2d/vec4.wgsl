// y[n, i, j, c] = max of x[n, a, b, c] over the window (i, j), four channels at a time:
// a = i·stride_h − top + (0 … kernel_h − 1), b = j·stride_w − left + (0 … kernel_w − 1); positions outside the image
// are not candidates. Here n is the image and c the channel. NaN counts as the largest value. WGSL's max may ignore it,
// so the kernel compares bits as well.
struct Params {
  count: u32, channels: u32, height: u32, width: u32, out_height: u32, out_width: u32,
  kernel_h: i32, kernel_w: i32, stride_h: i32, stride_w: i32, top: i32, left: i32,
  x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let quad = id.y * groups.x * 64u + id.x;
  if (quad >= p.count) { return; }
  let c = 4u * quad % p.channels;
  let row = 4u * quad / p.channels;
  let j = row % p.out_width;
  let i = row / p.out_width % p.out_height;
  let n = row / p.out_width / p.out_height;
  let a0 = i32(i) * p.stride_h - p.top;
  let b0 = i32(j) * p.stride_w - p.left;
  // This is the first pixel inside the image. There is one, because the padding is smaller than the kernel.
  let first = p.x_offset + ((n * p.height + u32(max(a0, 0))) * p.width + u32(max(b0, 0))) * p.x_stride + c;
  var best = x[first / 4u];
  var most = vec4u();  // the largest bits without the sign so far; those of NaN are more than 0x7f800000
  for (var a = max(a0, 0); a < min(a0 + p.kernel_h, i32(p.height)); a++) {
    for (var b = max(b0, 0); b < min(b0 + p.kernel_w, i32(p.width)); b++) {
      let at = p.x_offset + ((n * p.height + u32(a)) * p.width + u32(b)) * p.x_stride + c;
      let value = x[at / 4u];
      best = max(best, value);
      most = max(most, bitcast<vec4u>(value) & vec4u(0x7fffffffu));
    }
  }
  y[(p.y_offset + row * p.y_stride + c) / 4u] = select(best, bitcast<vec4f>(most), most > vec4u(0x7f800000u));
}
