// y[n, i, j, o] = Σ_{u, v, c} x[n, i·sh + u·dh − top, j·sw + v·dw − left, c] · w[u, v, c, o] + bias[o]
// x is 0 outside the image. Here n is the image, (i, j) the output pixel, (u, v) the tap, c the input channel and o the
// output channel; the number of output channels is a multiple of 4. One subgroup of LANES computes ROWS
// pixels × 4·LANES·QUADS output channels. A lane keeps QUADS groups of four neighbouring channels of every pixel. It
// reads only every LANES-th pixel of x, four input channels per step, and its register passes them to all lanes, so the
// kernel needs no workgroup memory and no barriers. Operands come from textures, which are cheap to read on the CPU. A
// row of x may have unused channels up to its stride, which are ignored.
// Workgroup z sums the z-th chunk of taps and writes the z-th block of rows; without splitting there is one block.
// Software adapters copy every loop-carried variable, here the whole tile, at loop and branch boundaries, so the kernel
// has one branch-free loop over taps and channels.
// The engine unrolls loops with constant bounds. All reads come before the products, because reads between products
// would make the compiler spill registers.
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

// Returns the first row of the image and the position of tap (0, 0). Left of and above the image, positions wrap to
// large numbers.
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

// The finished values, which a loop stores that is not unrolled, because the code that stores is long, especially with
// fused ops.
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
  // This is the texel of tap (0, 0), modulo 2³² for a pixel whose window begins outside the image.
  let step = p.x_stride / 4u;
  var texels = array<u32, GROUPS>();
  for (var g = 0u; g < GROUPS; g++) {
    texels[g] = p.x_offset / 4u + ((corner[g].x + corner[g].y) * p.W + corner[g].z) * step;
  }
  let first = group.z * p.taps;
  let end = min(first + p.taps, p.KH * p.KW);
  // These are the rows and columns from tap (0, 0) to the current one.
  var u = first / p.KW * p.dh;
  var v = first % p.KW * p.dw;
  let across = p.KW * p.dw;
  var c = 0u;
  var a = array<vec4f, ROWS * QUADS>();
  for (var tap = first; tap < end; tap += u32(c == 0u)) {
    // Channels beyond the last are zero in x; w repeats its last one there.
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
