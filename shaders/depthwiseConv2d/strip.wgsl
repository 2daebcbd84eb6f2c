// y[n, i, j, o] = Σ_{u, v} x[n, i·sh + u·dh − top, j·sw + v·dw − left, o / m] · w[u, v, 0, o] + bias[o]
// x is 0 outside the image. Here n is the image, (i, j) the output pixel, (u, v) the tap and o the output channel. Each
// channel of x has m output channels; m is 1 if WIDTH is 4.
// An invocation computes WIDTH channels, four or one, of a strip of four neighbouring pixels. For each row of taps it
// reads the KW weights and the SPAN = 3·SW + (KW − 1)·DW + 1 pixels of x that the taps reach, each once.
// The engine unrolls the loops with constant bounds, so that the arrays become registers.
const KH = 3u;
const KW = 3u;
const SW = 1u;
const DW = 1u;
const SPAN = 6u;
const WIDTH = 4u;
struct Params {
  count: u32, H: u32, W: u32, Ho: u32, Wo: u32, O: u32, m: u32, sh: u32, dh: u32, top: u32, left: u32, biased: u32,
  x_offset: u32, x_stride: u32, w_offset: u32, bias_offset: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let item = id.y * groups.x * 64u + id.x;
  if (item >= p.count) { return; }
  let blocks = p.O / WIDTH;
  let strips = (p.Wo + 3u) / 4u;
  let o = item % blocks * WIDTH;
  let j = item / blocks % strips * 4u;
  let line = item / blocks / strips;
  // Above and left of the image, positions wrap to large numbers, so one comparison checks both ends.
  let first = vec2u(line % p.Ho * p.sh - p.top, j * SW - p.left);
  let image = line / p.Ho * p.H;
  let channel = p.x_offset + o / p.m;
  var a = array<vec4f, 4u>();
  for (var u = 0u; u != KH; u++) {
    let h = first.x + u * p.dh;
    var f = array<vec4f, KW>();
    for (var v = 0u; v < KW; v++) { f[v] = w[(p.w_offset + (u * KW + v) * p.O + o) / WIDTH]; }
    var s = array<vec4f, SPAN>();
    for (var k = 0u; k < SPAN; k++) {
      let l = first.y + k;
      let within = h < p.H && l < p.W;
      let at = select(0u, channel + ((image + h) * p.W + l) * p.x_stride, within);
      s[k] = select(vec4f(), x[at / WIDTH], within);
    }
    for (var v = 0u; v < KW; v++) {
      for (var q = 0u; q < 4u; q++) { a[q] = fma(s[q * SW + v * DW], f[v], a[q]); }
    }
  }
  var b = vec4f();
  if (p.biased != 0u) { b = bias[(p.bias_offset + o) / WIDTH]; }
  for (var q = j; q < min(j + 4u, p.Wo); q++) {
    y[(p.y_offset + (line * p.Wo + q) * p.y_stride + o) / WIDTH] = a[0u] + b;
    a[0u] = a[1u]; a[1u] = a[2u]; a[2u] = a[3u];
  }
}
