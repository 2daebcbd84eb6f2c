// gx[n, h, l, c] = Σ gy[n, i, j, o] · w[u, v, 0, o] over the taps u, v and the m channels o = c·m + (0 … m − 1), with
// h = i·sh + u·dh − top and l = j·sw + v·dw − left. Here n is the image, (i, j) the pixel of gy and (h, l) that of gx.
// Every pixel of gx gathers from the windows that contain it. One invocation computes one element.
struct Params {
  count: u32, C: u32, H: u32, W: u32, Ho: u32, Wo: u32, KH: u32, KW: u32, m: u32,
  sh: u32, sw: u32, dh: u32, dw: u32, top: u32, left: u32,
  gy_offset: u32, gy_stride: u32, w_offset: u32, gx_offset: u32, gx_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gy: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> gx: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.y * groups.x * 64u + id.x;
  if (index >= p.count) { return; }
  let row = index / p.C;
  let c = index % p.C;
  let n = row / p.W / p.H;
  var sum = 0.0;
  for (var u = 0u; u < p.KH; u++) {
    let down = row / p.W % p.H + p.top;
    // No window has this row as its tap u.
    if (down < u * p.dh || (down - u * p.dh) % p.sh != 0u || (down - u * p.dh) / p.sh >= p.Ho) { continue; }
    let i = (down - u * p.dh) / p.sh;
    for (var v = 0u; v < p.KW; v++) {
      let right = row % p.W + p.left;
      if (right < v * p.dw || (right - v * p.dw) % p.sw != 0u || (right - v * p.dw) / p.sw >= p.Wo) { continue; }
      let at = p.gy_offset + ((n * p.Ho + i) * p.Wo + (right - v * p.dw) / p.sw) * p.gy_stride + c * p.m;
      let k = p.w_offset + ((u * p.KW + v) * p.C + c) * p.m;
      for (var t = 0u; t < p.m; t++) { sum += gy[at + t] * w[k + t]; }
    }
  }
  gx[p.gx_offset + row * p.gx_stride + c] = sum;
}
