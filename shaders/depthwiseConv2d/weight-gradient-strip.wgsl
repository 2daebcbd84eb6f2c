// partials[z, u, v, 0, o] = Σ x[n, i·sh + u·dh − top, j·SW + v·DW − left, o / m] · gy[n, i, j, o]
// over the z-th chunk of strips of four neighbouring pixels of gy, where x is 0 outside the image. The chunks are added
// afterwards in order. Here n is the image, (i, j) the pixel of gy, (u, v) the tap and o the channel of gy. Each channel
// of x has m channels of gy; m is 1 if WIDTH, which is four or one, is 4.
// A workgroup computes the KW taps of one row u for 8·WIDTH channels. Each eighth of its invocations sums every eighth
// strip of the chunk, and the eight sums are then added in workgroup memory. For each strip an invocation reads the
// pixels of gy and the SPAN = 3·SW + (KW − 1)·DW + 1 pixels of x that the taps reach, each once.
// The engine unrolls the loops with constant bounds, so that the arrays become registers.
const KW = 3u;
const SW = 1u;
const DW = 1u;
const SPAN = 6u;
const WIDTH = 4u;
struct Params {
  KH: u32, N: u32, H: u32, W: u32, Ho: u32, Wo: u32, O: u32, m: u32, sh: u32, dh: u32, top: u32, left: u32, chunk: u32,
  x_offset: u32, x_stride: u32, gy_offset: u32, gy_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> gy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4f>;

var<workgroup> sums: array<array<vec4f, 64>, KW>;

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_index) me: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let blocks = (p.O / WIDTH + 7u) / 8u;
  let index = group.y * groups.x + group.x;
  let u = index / blocks;
  if (u >= p.KH) { return; }
  let o = (index % blocks * 8u + me % 8u) * WIDTH;
  let strips = (p.Wo + 3u) / 4u;
  let end = min((group.z + 1u) * p.chunk, p.N * p.Ho * strips);
  var a = array<vec4f, KW>();
  if (o < p.O) {
    for (var strip = group.z * p.chunk + me / 8u; strip < end; strip += 8u) {
      let row = strip / strips;
      let j = strip % strips * 4u;
      // Above and left of the image, positions wrap to large numbers, so one comparison checks both ends.
      let h = row % p.Ho * p.sh + u * p.dh - p.top;
      let first = j * SW - p.left;
      if (h >= p.H) { continue; }
      var g = array<vec4f, 4u>();
      for (var q = 0u; q < 4u; q++) {
        g[q] = gy[(p.gy_offset + (row * p.Wo + min(j + q, p.Wo - 1u)) * p.gy_stride + o) / WIDTH];
      }
      var s = array<vec4f, SPAN>();
      for (var k = 0u; k < SPAN; k++) {
        let l = first + k;
        let at = p.x_offset + ((row / p.Ho * p.H + h) * p.W + l) * p.x_stride + o / p.m;
        s[k] = select(vec4f(), x[select(0u, at, l < p.W) / WIDTH], l < p.W);
      }
      for (var v = 0u; v < KW; v++) {
        // The value of x beyond the last column may be NaN, so it is not multiplied by 0.
        for (var q = 0u; q < 4u; q++) { a[v] = select(a[v], fma(s[q * SW + v * DW], g[q], a[v]), j + q < p.Wo); }
      }
    }
  }
  for (var v = 0u; v < KW; v++) { sums[v][me] = a[v]; }
  for (var half = 32u; half >= 8u; half /= 2u) {
    workgroupBarrier();
    if (me < half) {
      for (var v = 0u; v < KW; v++) { sums[v][me] += sums[v][me + half]; }
    }
  }
  if (me >= 8u || o >= p.O) { return; }
  for (var v = 0u; v != KW; v++) {
    partials[(((group.z * p.KH + u) * KW + v) * p.O + o) / WIDTH] = sums[v][me];
  }
}
