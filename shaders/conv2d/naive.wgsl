// y[n, i, j, o] = Σ_{u, v, c} x[n, i·sh + u − top, j·sw + v − left, c] · w[u, v, c, o] + bias[o]
// x is 0 outside the image. n image; i, j output row, column; u, v tap; c, o input, output channel.
// One invocation computes one element.
struct Params {
  pixels: u32, H: u32, W: u32, C: u32, Ho: u32, Wo: u32, O: u32, KH: u32, KW: u32,
  sh: u32, sw: u32, top: u32, left: u32, biased: u32,
  x_offset: u32, x_stride: u32, w_offset: u32, bias_offset: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

fn epilogue(v: f32) -> f32 { return v; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.y * groups.x * 64u + id.x;
  if (index >= p.pixels * p.O) { return; }
  let row = index / p.O;
  let o = index % p.O;
  let n = row / (p.Ho * p.Wo);
  var sum = 0.0;
  for (var u = 0u; u < p.KH; u++) {
    // Above the image the row wraps to a large number, so that one comparison checks both ends.
    let i = row / p.Wo % p.Ho * p.sh + u - p.top;
    if (i >= p.H) { continue; }
    for (var v = 0u; v < p.KW; v++) {
      let j = row % p.Wo * p.sw + v - p.left;
      if (j >= p.W) { continue; }
      let at = p.x_offset + ((n * p.H + i) * p.W + j) * p.x_stride;
      let k = p.w_offset + (u * p.KW + v) * p.C * p.O + o;
      for (var c = 0u; c < p.C; c++) { sum += x[at + c] * w[k + c * p.O]; }
    }
  }
  if (p.biased != 0u) { sum += bias[p.bias_offset + o]; }
  y[p.y_offset + row * p.y_stride + o] = epilogue(sum);
}
