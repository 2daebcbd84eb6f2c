// y[n, i, j, o] = Σ x[n, h, l, c] · w[u, v, o, c] + bias[o] over c, u, v with i = h·sh + u·dh − top and
// j = l·sw + v·dw − left. Here n is the image, (i, j) the output pixel, (h, l) the input pixel, (u, v) the tap, c the
// input channel and o the output channel.
// The sum runs over the taps u = first + step·t with h = at − back·t for t = 0, 1, …, and likewise along the columns.
// One invocation computes one element.
struct Params {
  N: u32, H: u32, W: u32, C: u32, Ho: u32, Wo: u32, O: u32, KH: u32, KW: u32,
  sh: u32, sw: u32, dh: u32, dw: u32, gh: u32, gw: u32, ih: u32, iw: u32, uh: u32, uw: u32, bh: u32, bw: u32, top: u32, left: u32, biased: u32,
  x_offset: u32, x_stride: u32, w_offset: u32, bias_offset: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

// #import phase-taps

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.y * groups.x * 64u + id.x;
  if (index >= p.N * p.Ho * p.Wo * p.O) { return; }
  let row = index / p.O;
  let o = index % p.O;
  let n = row / (p.Ho * p.Wo);
  let a = taps(vec2u(row / p.Wo % p.Ho, row % p.Wo));
  var sum = 0.0;
  // Above the image, h wraps to a large number, so one comparison checks both ends.
  var h = a.at.x;
  for (var u = a.first.x; u < p.KH; u += p.uh) {
    var l = a.at.y;
    for (var v = a.first.y; v < p.KW; v += p.uw) {
      if (h < p.H && l < p.W) {
        let at = p.x_offset + ((n * p.H + h) * p.W + l) * p.x_stride;
        let k = p.w_offset + ((u * p.KW + v) * p.O + o) * p.C;
        for (var c = 0u; c < p.C; c++) { sum += x[at + c] * w[k + c]; }
      }
      l -= p.bw;
    }
    h -= p.bh;
  }
  if (p.biased != 0u) { sum += bias[p.bias_offset + o]; }
  y[p.y_offset + row * p.y_stride + o] = sum;
}
