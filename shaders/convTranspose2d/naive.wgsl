// y[n, i, j, o] = Σ x[n, h, l, c] · w[u, v, o, c] + bias[o], c, u, v with i = h·sh + u − top, j = l·sw + v − left
// n image; i, j output row, column; h, l input row, column; u, v tap; c, o input, output channel.
// Those are the taps u ≡ i + top (mod sh): u = a + sh·t and h = q − t, a and q being remainder and quotient of
// (i + top) / sh; likewise along the columns. One invocation computes one element.
struct Params {
  N: u32, H: u32, W: u32, C: u32, Ho: u32, Wo: u32, O: u32, KH: u32, KW: u32,
  sh: u32, sw: u32, top: u32, left: u32, biased: u32,
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
  if (index >= p.N * p.Ho * p.Wo * p.O) { return; }
  let row = index / p.O;
  let o = index % p.O;
  let n = row / (p.Ho * p.Wo);
  let i = row / p.Wo % p.Ho + p.top;
  let j = row % p.Wo + p.left;
  var sum = 0.0;
  // Above the image h wraps to a large number, so that one comparison checks both ends.
  var h = i / p.sh;
  for (var u = i % p.sh; u < p.KH; u += p.sh) {
    var l = j / p.sw;
    for (var v = j % p.sw; v < p.KW; v += p.sw) {
      if (h < p.H && l < p.W) {
        let at = p.x_offset + ((n * p.H + h) * p.W + l) * p.x_stride;
        let k = p.w_offset + ((u * p.KW + v) * p.O + o) * p.C;
        for (var c = 0u; c < p.C; c++) { sum += x[at + c] * w[k + c]; }
      }
      l--;
    }
    h--;
  }
  if (p.biased != 0u) { sum += bias[p.bias_offset + o]; }
  y[p.y_offset + row * p.y_stride + o] = sum;
}
