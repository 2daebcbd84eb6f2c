// y[n, i, j, o] = Σ_{u, v, c} x[n, i·sh + u·dh − top, j·sw + v·dw − left, c] · w[u, v, c, o] + bias[o]
// x is 0 outside the image. n image; i, j output row, column; u, v tap; c, o input, output channel, o a multiple of 4.
// One subgroup of LANES makes ROWS pixels × 4·LANES·QUADS output channels. A lane holds QUADS times four neighbouring
// channels of every pixel; of x it reads every LANES-th pixel alone, four input channels a step, which are then spread to
// all lanes from its register: no workgroup memory, no barrier. Operands come from textures, whose reads are cheap on
// the CPU. A row of x may have channels to spare up to its stride: they are not looked at.
// Workgroup z sums the z-th chunk of taps and writes the z-th block of rows (split; otherwise there is one).
// One loop over taps and channels, without a branch: at the head of an inner loop and behind it, as behind an if, a software
// adapter moves all that the loop changes, here the whole tile.
// The engine writes the loops with constant bounds out in full. All reads come before the products: between them they
// would make the compiler put its registers aside.
enable subgroups;
const LANES = 8u;
const ROWS = 32u;
const QUADS = 2u;
const GROUPS = ROWS / LANES;
struct Params {
  pixels: u32, H: u32, W: u32, C: u32, Ho: u32, Wo: u32, O: u32, KH: u32, KW: u32,
  sh: u32, sw: u32, dh: u32, dw: u32, top: u32, left: u32, biased: u32, taps: u32,
  x_offset: u32, x_stride: u32, w_offset: u32, bias_offset: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var x: texture_2d<f32>;
@group(0) @binding(2) var w: texture_2d<f32>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

// #import texels
fn w_at(t: u32) -> vec4f { return textureLoad(w, texel(t), 0); }

// First row of the image and position of tap (0, 0); left of and above the image positions wrap to large numbers.
fn origin(row: u32) -> vec3u {
  let r = min(row, p.pixels - 1u);
  return vec3u(r / (p.Ho * p.Wo) * p.H, r / p.Wo % p.Ho * p.sh - p.top, r % p.Wo * p.sw - p.left);
}

fn put(row: u32, chunk: u32, o: u32, value: vec4f) {
  if (row >= p.pixels || o >= p.O) { return; }
  var z = value;
  if (p.biased != 0u) { z += bias[(p.bias_offset + o) / 4u]; }
  let at = p.y_offset + (chunk * p.pixels + row) * p.y_stride + o;
  y[at / 4u] = z;
}

// Finished values, which a loop stores that is not written out: the code that stores is long, the more so when fused.
var<private> done: array<vec4f, ROWS * QUADS>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  let bands = (p.pixels + ROWS - 1u) / ROWS;
  let row = index % bands * ROWS;
  let o = index / bands * 4u * LANES * QUADS + 4u * lane;
  let quads = p.O / 4u;
  var corner = array<vec3u, GROUPS>();
  for (var g = 0u; g < GROUPS; g++) { corner[g] = origin(row + lane + g * LANES); }
  var column = array<u32, QUADS>();
  for (var q = 0u; q < QUADS; q++) { column[q] = min(o / 4u + q * LANES, quads - 1u); }
  // The texel of tap (0, 0), for a pixel whose window begins outside the image modulo 2³².
  let step = p.x_stride / 4u;
  var texels = array<u32, GROUPS>();
  for (var g = 0u; g < GROUPS; g++) {
    texels[g] = p.x_offset / 4u + ((corner[g].x + corner[g].y) * p.W + corner[g].z) * step;
  }
  let first = group.z * p.taps;
  let end = min(first + p.taps, p.KH * p.KW);
  // Rows and columns from tap (0, 0) to the current one.
  var u = first / p.KW * p.dh;
  var v = first % p.KW * p.dw;
  let across = p.KW * p.dw;
  var c = 0u;
  var a = array<vec4f, ROWS * QUADS>();
  for (var tap = first; tap < end; tap += u32(c == 0u)) {
    // Channels beyond the last are zero in x; for w they are the last again.
    let some = c + vec4u(0, 1, 2, 3) < vec4u(p.C);
    let k = p.w_offset / 4u + (tap * p.C + min(c + vec4u(0, 1, 2, 3), vec4u(p.C - 1u))) * quads;
    var f = array<mat4x4f, QUADS>();
    for (var q = 0u; q < QUADS; q++) {
      f[q] = mat4x4f(
        w_at(k.x + column[q]), w_at(k.y + column[q]),
        w_at(k.z + column[q]), w_at(k.w + column[q]),
      );
    }
    let at = (u * p.W + v) * step + c / 4u;
    var b = array<vec4f, GROUPS>();
    for (var g = 0u; g < GROUPS; g++) {
      let m = corner[g].y + u < p.H && corner[g].z + v < p.W;
      b[g] = select(vec4f(), x_at(select(0u, texels[g] + at, m)), some & vec4<bool>(m));
    }
    for (var i = 0u; i < ROWS; i++) {
      let e = subgroupShuffle(b[i / LANES], i % LANES);
      for (var q = 0u; q < QUADS; q++) { a[i * QUADS + q] += f[q] * e; }
    }
    c += 4u;
    let over = c >= p.C;
    c = select(c, 0u, over);
    v += select(0u, p.dw, over);
    let below = v == across;
    v = select(v, 0u, below);
    u += select(0u, p.dh, below);
  }
  for (var i = 0u; i < ROWS * QUADS; i++) { done[i] = a[i]; }
  for (var i = 0u; i != ROWS * QUADS; i++) {
    put(row + i / QUADS, group.z, o + i % QUADS * 4u * LANES, done[i]);
  }
}
