// gx[n, a, b, c] = Σ of gy[n, i, j, c] over the windows (i, j) that pixel (a, b) wins: no earlier pixel of the window
// is as large, and no later one is larger. Every input pixel gathers from the windows that cover it. Window (i, j)
// contains the pixels a = i·stride_h − top + (0 … kernel_h − 1), b = j·stride_w − left + (0 … kernel_w − 1); positions
// outside the image are not candidates. Here n is the image and c the channel.
struct Params {
  count: u32, channels: u32, height: u32, width: u32, out_height: u32, out_width: u32,
  kernel_h: i32, kernel_w: i32, stride_h: i32, stride_w: i32, top: i32, left: i32,
  x_offset: u32, x_stride: u32, gy_offset: u32, gy_stride: u32, gx_offset: u32, gx_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> gy: array<f32>;
@group(0) @binding(3) var<storage, read_write> gx: array<f32>;

// #import nan

// Tells whether pixel (a, b) of image n, whose value is `value`, is the first maximum of the window that begins at
// (a0, b0), or its last NaN, as in PyTorch. A WGSL comparison with NaN may give any result, so the bits decide.
fn wins(value: f32, n: u32, a: i32, b: i32, a0: i32, b0: i32, c: u32) -> bool {
  var won = bool(true);
  for (var s = max(a0, 0); s < min(a0 + p.kernel_h, i32(p.height)); s++) {
    for (var t = max(b0, 0); t < min(b0 + p.kernel_w, i32(p.width)); t++) {
      let other = x[p.x_offset + ((n * p.height + u32(s)) * p.width + u32(t)) * p.x_stride + c];
      let earlier = s < a || (s == a && t < b);
      let later = s > a || (s == a && t > b);
      let beaten = (bool(earlier) & (other >= value)) | (bool(later) & (other > value)) | is_nan(other);
      won = won & !select(beaten, bool(later) & is_nan(other), is_nan(value));
    }
  }
  return won;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let e = id.y * groups.x * 64u + id.x;
  if (e >= p.count) { return; }
  let c = e % p.channels;
  let row = e / p.channels;
  let b = i32(row % p.width);
  let a = i32(row / p.width % p.height);
  let n = row / p.width / p.height;
  let value = x[p.x_offset + row * p.x_stride + c];
  // Window (i, j) covers row a where i·stride_h ≤ a + top < i·stride_h + kernel_h.
  let first_i = max(0, (a + p.top - p.kernel_h + p.stride_h) / p.stride_h);
  let first_j = max(0, (b + p.left - p.kernel_w + p.stride_w) / p.stride_w);
  var sum = f32();
  for (var i = first_i; i < i32(p.out_height) && i * p.stride_h <= a + p.top; i++) {
    for (var j = first_j; j < i32(p.out_width) && j * p.stride_w <= b + p.left; j++) {
      let won = wins(value, n, a, b, i * p.stride_h - p.top, j * p.stride_w - p.left, c);
      let at = p.gy_offset + ((n * p.out_height + u32(i)) * p.out_width + u32(j)) * p.gy_stride + c;
      sum += select(f32(), gy[at], won);
    }
  }
  gx[p.gx_offset + row * p.gx_stride + c] = sum;
}
