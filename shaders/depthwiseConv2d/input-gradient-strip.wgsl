// gx[n, h, l, c] = Σ gy[n, i, j, o] · w[u, v, 0, o] over the taps u, v and the MANY channels o = c·MANY + (0 … MANY − 1),
// with h = i·sh + u·dh − top and l = j·SW + v·DW − left. Here n is the image, (i, j) the pixel of gy and (h, l) that of
// gx.
// An invocation computes WIDTH channels, four or one, of a strip of four neighbouring pixels; MANY is 1 if WIDTH is 4.
// For each row of taps it reads the KW weights and the SPAN pixels of gy that may reach the strip, each once. SW divides
// 4, so the windows lie in the same way around every strip, and constants say which taps reach which pixel: pixel q gets
// tap v = KW − 1 − r from column j = first + (q + r·DW + REST) / SW, if that is a whole number.
// The engine unrolls the loops with constant bounds, so that the arrays become registers.
const KH = 3u;
const KW = 3u;
const SW = 1u;
const DW = 1u;
const REST = 0u;
const SPAN = 6u;
const MANY = 1u;
const WIDTH = 4u;
struct Params {
  count: u32, C: u32, H: u32, W: u32, Ho: u32, Wo: u32, sh: u32, dh: u32, top: u32, left: u32, back: u32,
  gy_offset: u32, gy_stride: u32, w_offset: u32, gx_offset: u32, gx_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gy: array<vec4f>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> gx: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let item = id.y * groups.x * 64u + id.x;
  if (item >= p.count) { return; }
  let blocks = p.C / WIDTH;
  let strips = (p.W + 3u) / 4u;
  let c = item % blocks * WIDTH;
  let l = item / blocks % strips * 4u;
  let line = item / blocks / strips;
  // Left of the first window, the column wraps to a large number, so one comparison checks both ends.
  let first = (l + p.left) / SW - p.back;
  let image = line / p.H * p.Ho;
  var a = array<vec4f, 4u>();
  for (var u = 0u; u != KH; u++) {
    let down = line % p.H + p.top - u * p.dh;
    let i = down / p.sh;
    if (down % p.sh != 0u || i >= p.Ho) { continue; }
    for (var t = 0u; t < MANY; t++) {
      var f = array<vec4f, KW>();
      for (var r = 0u; r < KW; r++) {
        f[r] = w[(p.w_offset + ((u * KW + KW - 1u - r) * p.C + c) * MANY + t) / WIDTH];
      }
      var s = array<vec4f, SPAN>();
      for (var k = 0u; k < SPAN; k++) {
        let j = first + k;
        let at = select(0u, p.gy_offset + ((image + i) * p.Wo + j) * p.gy_stride + c * MANY + t, j < p.Wo);
        s[k] = select(vec4f(), gy[at / WIDTH], j < p.Wo);
      }
      for (var r = 0u; r < KW; r++) {
        for (var q = 0u; q < 4u; q++) {
          if ((q + r * DW + REST) % SW == 0u) { a[q] = fma(s[(q + r * DW + REST) / SW], f[r], a[q]); }
        }
      }
    }
  }
  for (var q = l; q < min(l + 4u, p.W); q++) {
    gx[(p.gx_offset + (line * p.W + q) * p.gx_stride + c) / WIDTH] = a[0u];
    a[0u] = a[1u]; a[1u] = a[2u]; a[2u] = a[3u];
  }
}
