// gw[u, v, c, o] = Σ_{n, i, j} x[n, i·sh + u·dh − top, j·sw + v·dw − left, c] · gy[n, i, j, o], where x is 0 outside
// the image. Here n is the image, (i, j) the pixel of gy, (u, v) the tap, and c and o are channels of x and gy. One
// invocation computes one weight.
struct Params {
  N: u32, H: u32, W: u32, C: u32, Ho: u32, Wo: u32, O: u32, KH: u32, KW: u32, sh: u32, sw: u32, dh: u32, dw: u32, top: u32, left: u32,
  x_offset: u32, x_stride: u32, gy_offset: u32, gy_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> gy: array<f32>;
@group(0) @binding(3) var<storage, read_write> gw: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.y * groups.x * 64u + id.x;
  if (index >= p.KH * p.KW * p.C * p.O) { return; }
  let o = index % p.O;
  let c = index / p.O % p.C;
  let v = index / (p.O * p.C) % p.KW;
  let u = index / (p.O * p.C * p.KW);
  var sum = 0.0;
  for (var r = 0u; r < p.N * p.Ho; r++) {
    // Above the image, h wraps to a large number, so one comparison checks both ends.
    let h = r % p.Ho * p.sh + u * p.dh - p.top;
    if (h >= p.H) { continue; }
    for (var j = 0u; j < p.Wo; j++) {
      let l = j * p.sw + v * p.dw - p.left;
      if (l >= p.W) { continue; }
      let a = x[p.x_offset + ((r / p.Ho * p.H + h) * p.W + l) * p.x_stride + c];
      sum += a * gy[p.gy_offset + (r * p.Wo + j) * p.gy_stride + o];
    }
  }
  gw[index] = sum;
}
