// partials[z, u, v, c, o] = Σ x[n, i·sh + u·dh − top, j·sw + v·dw − left, c] · gy[n, i, j, o]
// over the z-th chunk of the rows n·Ho + i of gy and all j, where x is 0 outside the image. The chunks are added
// afterwards in order. Here n is the image, (i, j) the pixel of gy, (u, v) the tap, and c and o are channels of x and
// gy; gy has a multiple of 4 channels.
// One subgroup of LANES computes 4·LANES·BLOCKS c × 4·LANES·QUADS o of one tap, four pixels per step. A lane keeps
// QUADS groups of four neighbouring o of every c. It reads only the channels of x from 4·lane on, and its register
// passes them to all lanes, so the kernel needs no workgroup memory and no barriers. Operands come from textures. A row
// of x may have unused channels up to its stride, whose results are not stored.
// Software adapters copy every loop-carried variable, here the whole tile, at loop boundaries, so the kernel has one
// loop over all pixels instead of one over columns within one over rows.
// The engine unrolls loops with constant bounds. All reads come before the products, because reads between products
// would make the compiler spill registers.
enable subgroups;
const LANES = 8u;
const BLOCKS = 1u;
const QUADS = 2u;
const OUTSIDE = 0xffffffffu;
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

fn put(at: u32, c: u32, o: u32, value: vec4f) {
  if (c >= p.C || o >= p.O) { return; }
  partials[(at + c * p.O + o) / 4u] = value;
}

// The finished values, which a loop stores that is not unrolled, because the code that stores is long, especially with
// fused ops.
var<private> done: array<vec4f, 4u * LANES * BLOCKS * QUADS>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  let down = (p.C + 4u * LANES * BLOCKS - 1u) / (4u * LANES * BLOCKS);
  let across = (p.O + 4u * LANES * QUADS - 1u) / (4u * LANES * QUADS);
  let tap = index / (down * across);
  if (tap >= p.KH * p.KW) { return; }
  let c = index / across % down * 4u * LANES * BLOCKS;
  let o = index % across * 4u * LANES * QUADS + 4u * lane;
  // These are the rows and columns from tap (0, 0) to this one.
  let u = tap / p.KW * p.dh;
  let v = tap % p.KW * p.dw;
  var column = array<u32, QUADS>();
  for (var q = 0u; q < QUADS; q++) { column[q] = min(o / 4u + q * LANES, p.O / 4u - 1u); }
  var channel = array<u32, BLOCKS>();
  for (var b = 0u; b < BLOCKS; b++) { channel[b] = min(c / 4u + lane + b * LANES, (p.C - 1u) / 4u); }
  let begin = group.z * p.rows * p.Wo;
  let end = min(begin + p.rows * p.Wo, p.N * p.Ho * p.Wo);
  // Lanes 0 to 3 track the positions of the four pixels of a step; row and column count up in mixed radix.
  let own = begin + lane % 4u;
  var j = own % p.Wo;
  var i = own / p.Wo % p.Ho;
  var n = own / p.Wo / p.Ho;
  let more = vec3u(4u / p.Wo / p.Ho, 4u / p.Wo % p.Ho, 4u % p.Wo);
  var a = array<vec4f, 4u * LANES * BLOCKS * QUADS>();
  for (var pixel = begin; pixel < end; pixel += 4u) {
    // Above and left of the image, h and l wrap to large numbers, so one comparison checks both ends.
    let h = i * p.sh + u - p.top;
    let l = j * p.sw + v - p.left;
    let inside = pixel + lane % 4u < end && h < p.H && l < p.W;
    let place = select(OUTSIDE, (p.x_offset + ((n * p.H + h) * p.W + l) * p.x_stride) / 4u, inside);
    j += more.z;
    let over = j >= p.Wo;
    j -= select(0u, p.Wo, over);
    i += more.y + u32(over);
    let beyond = i >= p.Ho;
    i -= select(0u, p.Ho, beyond);
    n += more.x + u32(beyond);
    var g = array<vec4f, 4u * QUADS>();
    var f = array<vec4f, 4u * BLOCKS>();
    for (var k = 0u; k < 4u; k++) {
      // Beyond the last pixel, the last one of gy is read again, and x is 0.
      let t = (p.gy_offset + min(pixel + k, end - 1u) * p.gy_stride) / 4u;
      for (var q = 0u; q < QUADS; q++) { g[4u * q + k] = gy_at(t + column[q]); }
    }
    for (var k = 0u; k < 4u; k++) {
      let s = subgroupShuffle(place, k);
      for (var b = 0u; b < BLOCKS; b++) {
        f[4u * b + k] = select(vec4f(), x_at(select(0u, s + channel[b], s != OUTSIDE)), s != OUTSIDE);
      }
    }
    for (var m = 0u; m < LANES * BLOCKS; m++) {
      var e = array<vec4f, 4u>();
      for (var k = 0u; k < 4u; k++) { e[k] = subgroupShuffle(f[m / LANES * 4u + k], m % LANES); }
      for (var q = 0u; q < QUADS; q++) {
        let d = mat4x4f(g[4u * q], g[4u * q + 1u], g[4u * q + 2u], g[4u * q + 3u]);
        for (var k = 0u; k < 4u; k++) {
          a[(4u * m + k) * QUADS + q] += d * vec4f(e[0u][k], e[1u][k], e[2u][k], e[3u][k]);
        }
      }
    }
  }
  let at = (group.z * p.KH * p.KW + tap) * p.C * p.O;
  for (var i = 0u; i < 4u * LANES * BLOCKS * QUADS; i++) { done[i] = a[i]; }
  for (var i = 0u; i != 4u * LANES * BLOCKS * QUADS; i++) {
    put(at, c + i / QUADS, o + i % QUADS * 4u * LANES, done[i]);
  }
}
