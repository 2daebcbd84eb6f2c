// partials[z, u, v, c, o] = Σ x[n, i·sh + u − top, j·sw + v − left, c] · gy[n, i, j, o]
// over all j and the z-th chunk of the rows r = n·Ho + i of gy, x being 0 outside the image; the chunks are added
// afterwards in order. n image; i, j row, column of gy; u, v tap; c, o channel of x, of gy, o a multiple of 4.
// One subgroup of LANES makes 4·LANES·BLOCKS c × 4·LANES·QUADS o of one tap, PIXELS pixels a step. A lane holds QUADS
// times four neighbouring o of every c; of x it reads the channels from 4·lane alone, which are then spread to all lanes
// from its register: no workgroup memory, no barrier. Operands come from textures. A row of x may have channels to spare
// up to its stride: what they give is not stored. The tap being fixed, the pixels inside the image are a range of j.
// The engine writes the loops with constant bounds out in full. All reads come before the products: between them they
// would make the compiler put its registers aside.
enable subgroups;
const LANES = 8u;
const BLOCKS = 1u;
const QUADS = 2u;
const PIXELS = 2u;
struct Params {
  N: u32, H: u32, W: u32, C: u32, Ho: u32, Wo: u32, O: u32, KH: u32, KW: u32, sh: u32, sw: u32, top: u32, left: u32,
  rows: u32, x_offset: u32, x_stride: u32, gy_offset: u32, gy_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var x: texture_2d<f32>;
@group(0) @binding(2) var gy: texture_2d<f32>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4f>;

fn texel(t: u32) -> vec2u { return vec2u(t & 2047u, t >> 11u); }
fn x_at(t: u32) -> vec4f { return textureLoad(x, texel(t), 0); }
fn gy_at(t: u32) -> vec4f { return textureLoad(gy, texel(t), 0); }

fn put(at: u32, c: u32, o: u32, value: vec4f) {
  if (c >= p.C || o >= p.O) { return; }
  partials[(at + c * p.O + o) / 4u] = value;
}

// Finished values, which a loop stores that is not written out: the code that stores is long, the more so when fused.
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
  let u = tap / p.KW;
  let v = tap % p.KW;
  var column = array<u32, QUADS>();
  for (var q = 0u; q < QUADS; q++) { column[q] = min(o / 4u + q * LANES, p.O / 4u - 1u); }
  var channel = array<u32, BLOCKS>();
  for (var b = 0u; b < BLOCKS; b++) { channel[b] = min(c / 4u + lane + b * LANES, (p.C - 1u) / 4u); }
  // Columns with 0 ≤ j·sw + v − left < W.
  let first = select(0u, (p.left - v + p.sw - 1u) / p.sw, p.left > v);
  let end = select(0u, min(p.Wo, (p.W + p.left - v + p.sw - 1u) / p.sw), p.W + p.left > v);
  let x_step = p.sw * p.x_stride / 4u;
  let gy_step = p.gy_stride / 4u;
  var a = array<vec4f, 4u * LANES * BLOCKS * QUADS>();
  for (var r = group.z * p.rows; r < min((group.z + 1u) * p.rows, p.N * p.Ho); r++) {
    // Above the image h wraps to a large number, so that one comparison checks both ends.
    let h = r % p.Ho * p.sh + u - p.top;
    if (h >= p.H) { continue; }
    for (var j = first; j < end; j += PIXELS) {
      let s = (p.x_offset + ((r / p.Ho * p.H + h) * p.W + j * p.sw + v - p.left) * p.x_stride) / 4u;
      let t = (p.gy_offset + (r * p.Wo + j) * p.gy_stride) / 4u;
      var g = array<vec4f, PIXELS * QUADS>();
      var d = array<u32, PIXELS>();
      for (var i = 0u; i < PIXELS; i++) {
        // Beyond the last pixel the first is read again, times zero.
        let m = j + i < end;
        d[i] = select(0u, i, m);
        for (var q = 0u; q < QUADS; q++) {
          g[i * QUADS + q] = select(vec4f(), gy_at(t + column[q] + d[i] * gy_step), m);
        }
      }
      var f = array<vec4f, BLOCKS * PIXELS>();
      for (var b = 0u; b < BLOCKS; b++) {
        for (var i = 0u; i < PIXELS; i++) { f[b * PIXELS + i] = x_at(s + channel[b] + d[i] * x_step); }
      }
      for (var l = 0u; l < LANES * BLOCKS; l++) {
        var e = array<vec4f, PIXELS>();
        for (var i = 0u; i < PIXELS; i++) { e[i] = subgroupShuffle(f[l / LANES * PIXELS + i], l % LANES); }
        for (var q = 0u; q < QUADS; q++) {
          var z = array<vec4f, 4u>();
          for (var i = 0u; i < PIXELS; i++) {
            for (var k = 0u; k < 4u; k++) { z[k] += e[i][k] * g[i * QUADS + q]; }
          }
          for (var k = 0u; k < 4u; k++) { a[(4u * l + k) * QUADS + q] += z[k]; }
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
