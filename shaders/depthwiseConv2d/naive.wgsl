// y[n, i, j, o] = Σ_{u, v} x[n, i·sh + u·dh − top, j·sw + v·dw − left, o / m] · w[u, v, 0, o] + bias[o]
// x is 0 outside the image. Here n is the image, (i, j) the output pixel, (u, v) the tap and o the output channel. Each
// channel of x has m output channels. One invocation computes one element.
struct Params {
  count: u32, H: u32, W: u32, Ho: u32, Wo: u32, O: u32, KH: u32, KW: u32, m: u32,
  sh: u32, sw: u32, dh: u32, dw: u32, top: u32, left: u32, biased: u32,
  x_offset: u32, x_stride: u32, w_offset: u32, bias_offset: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.y * groups.x * 64u + id.x;
  if (index >= p.count) { return; }
  let row = index / p.O;
  let o = index % p.O;
  let n = row / (p.Ho * p.Wo);
  var sum = 0.0;
  for (var u = 0u; u < p.KH; u++) {
    // Above the image, h wraps to a large number, so one comparison checks both ends.
    let h = row / p.Wo % p.Ho * p.sh + u * p.dh - p.top;
    if (h >= p.H) { continue; }
    for (var v = 0u; v < p.KW; v++) {
      let l = row % p.Wo * p.sw + v * p.dw - p.left;
      if (l >= p.W) { continue; }
      let a = x[p.x_offset + ((n * p.H + h) * p.W + l) * p.x_stride + o / p.m];
      sum += a * w[p.w_offset + (u * p.KW + v) * p.O + o];
    }
  }
  if (p.biased != 0u) { sum += bias[p.bias_offset + o]; }
  y[p.y_offset + row * p.y_stride + o] = sum;
}
