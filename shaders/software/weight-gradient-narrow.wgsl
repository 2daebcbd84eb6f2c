// partials[z, u, v, c, o] = Σ x[n, i·sh + u·dh − top, j + v − left, c] · gy[n, i, j, o]
// over all j and the z-th chunk of the rows r = n·Ho + i of gy, where x is 0 outside the image. The chunks are added
// afterwards in order. Here n is the image, (i, j) the pixel of gy, (u, v) the tap, and c and o are channels of x and
// gy. gy has 4 channels, and KW is WIDTH. One subgroup of LANES computes 4·LANES c × 4 o of the taps of one row. A lane
// keeps four neighbouring c and reads STEP pixels l of them per step. It also reads one of the LANES = STEP + WIDTH − 1
// pixels j = l + left − v of gy that they meet, and passes it to all lanes, so each value of x is read once for all
// taps of the row. Operands come from textures.
// The engine unrolls loops with constant bounds. All reads come before the products, because reads between products
// would make the compiler spill registers.
enable subgroups;
const LANES = 8u;
const WIDTH = 3u;
const STEP = 6u;
struct Params {
  N: u32, H: u32, W: u32, C: u32, Ho: u32, Wo: u32, O: u32, KH: u32, KW: u32, sh: u32, sw: u32, dh: u32, dw: u32, top: u32, left: u32,
  rows: u32, x_offset: u32, x_stride: u32, gy_offset: u32, gy_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var x: texture_2d<f32>;
@group(0) @binding(2) var gy: texture_2d<f32>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4f>;

// #import texels
fn gy_at(t: u32) -> vec4f { return textureLoad(gy, texel(t), 0); }

// The finished values, which a loop stores that is not unrolled.
var<private> done: array<vec4f, 4u * WIDTH>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  let down = (p.C + 4u * LANES - 1u) / (4u * LANES);
  let u = index / down;
  if (u >= p.KH) { return; }
  let c = index % down * 4u * LANES + 4u * lane;
  let channel = min(c, p.C - 1u) / 4u;
  var a = array<vec4f, 4u * WIDTH>();
  for (var r = group.z * p.rows; r < min((group.z + 1u) * p.rows, p.N * p.Ho); r++) {
    // Above the image, h wraps to a large number, and left of it so does j, so one comparison checks both ends.
    let h = r % p.Ho * p.sh + u * p.dh - p.top;
    if (h >= p.H) { continue; }
    let line = (r / p.Ho * p.H + h) * p.W;
    for (var l = 0u; l < p.W; l += STEP) {
      let j = l + lane + p.left + 1u - WIDTH;
      let m = j < p.Wo;
      let s = (p.gy_offset + (r * p.Wo + select(0u, j, m)) * p.gy_stride) / 4u;
      let g = select(vec4f(), gy_at(s), m);
      var f = array<vec4f, STEP>();
      for (var i = 0u; i < STEP; i++) {
        let t = (p.x_offset + (line + min(l + i, p.W - 1u)) * p.x_stride) / 4u;
        f[i] = select(vec4f(), x_at(t + channel), l + i < p.W);
      }
      var e = array<vec4f, LANES>();
      for (var i = 0u; i < LANES; i++) { e[i] = subgroupShuffle(g, i); }
      // Pixel i of x meets that of lane i + w of gy at tap v = WIDTH − 1 − w.
      for (var w = 0u; w < WIDTH; w++) {
        for (var k = 0u; k < 4u; k++) {
          var z = array<vec4f, 1u>();
          for (var i = 0u; i < STEP; i++) { z[0u] += f[i][k] * e[i + w]; }
          a[4u * w + k] += z[0u];
        }
      }
    }
  }
  for (var i = 0u; i < 4u * WIDTH; i++) { done[i] = a[i]; }
  for (var i = 0u; i != 4u * WIDTH; i++) {
    if (c + i % 4u >= p.C) { continue; }
    partials[((group.z * p.KH + u) * WIDTH + WIDTH - 1u - i / 4u) * p.C + c + i % 4u] = done[i];
  }
}
