// y[n, i, j, o] = Σ x[n, h, l, c] · w[u, v, o, c] + bias[o] over c, u, v with i = h·sh + u·dh − top,
// j = l·sw + v·dw − left. Here n is the image, (i, j) the output pixel, (h, l) the input pixel, (u, v) the tap, c the
// input channel and o the output channel; the number of input channels is a multiple of 4. The output rows i = f + sh·r
// of one phase share their taps: u = first + step·t with h = at + r − back·t for t = 0, 1, …, and likewise along the
// columns.
// One subgroup of LANES computes ROWS pixels of one phase × 4·LANES·QUADS output channels. A lane keeps QUADS groups of
// four neighbouring channels of every pixel. It reads only every LANES-th pixel of x, four input channels per step, and
// its register passes them to all lanes, so the kernel needs no workgroup memory and no barriers. Operands come from
// textures.
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
  N: u32, H: u32, W: u32, C: u32, Ho: u32, Wo: u32, O: u32, KH: u32, KW: u32,
  sh: u32, sw: u32, dh: u32, dw: u32, gh: u32, gw: u32, ih: u32, iw: u32, uh: u32, uw: u32, bh: u32, bw: u32, top: u32, left: u32, biased: u32,
  x_offset: u32, x_stride: u32, w_offset: u32, bias_offset: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var x: texture_2d<f32>;
@group(0) @binding(2) var w: texture_2d<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

// #import texels
// #import phase-taps
fn w_at(t: u32) -> vec4f { return textureLoad(w, texel(t), 0); }

// Returns the image, and the row and column counted within the phase.
fn pixel(m: u32) -> vec3u {
  let rows = (p.Ho + p.sh - 1u) / p.sh;
  let columns = (p.Wo + p.sw - 1u) / p.sw;
  return vec3u(m / (rows * columns), m / columns % rows, m % columns);
}

fn put(m: u32, f: vec2u, o: u32, value: vec4f) {
  let a = pixel(m);
  let i = f.x + p.sh * a.y;
  let j = f.y + p.sw * a.z;
  if (a.x >= p.N || i >= p.Ho || j >= p.Wo) { return; }
  for (var q = o; q < min(o + 4u, p.O); q++) {
    var z = value[q - o];
    if (p.biased != 0u) { z += bias[p.bias_offset + q]; }
    y[p.y_offset + ((a.x * p.Ho + i) * p.Wo + j) * p.y_stride + q] = z;
  }
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
  let pixels = p.N * ((p.Ho + p.sh - 1u) / p.sh) * ((p.Wo + p.sw - 1u) / p.sw);
  let bands = (pixels + ROWS - 1u) / ROWS;
  let first = index % bands * ROWS;
  let o = index / bands * 4u * LANES * QUADS + 4u * lane;
  let f = vec2u(group.z / p.sw, group.z % p.sw);
  let a = taps(f);
  let quads = p.C / 4u;
  var place = array<vec3u, GROUPS>();
  for (var g = 0u; g < GROUPS; g++) { place[g] = pixel(first + lane + g * LANES); }
  // These are the texel at (h, l) = (0, 0), and the places where the four rows of w begin at tap (0, 0). Beyond the
  // last channel the last one is repeated.
  let step = p.x_stride / 4u;
  var texels = array<u32, GROUPS>();
  for (var g = 0u; g < GROUPS; g++) {
    texels[g] = p.x_offset / 4u + ((place[g].x * p.H + place[g].y) * p.W + place[g].z) * step;
  }
  var rows = array<vec4u, QUADS>();
  for (var q = 0u; q < QUADS; q++) {
    rows[q] = p.w_offset / 4u + min(o + 4u * LANES * q + vec4u(0, 1, 2, 3), vec4u(p.O - 1u)) * quads;
  }
  // Above and left of the image, h and l have wrapped to large numbers, so one comparison checks both ends.
  var h = a.at.x;
  var l = a.at.y;
  var u = select(a.first.x, p.KH, a.first.y >= p.KW);
  var v = a.first.y;
  var c = 0u;
  var t = array<vec4f, ROWS * QUADS>();
  while (u < p.KH) {
    let k = (u * p.KW + v) * p.O * quads + c;
    var e = array<mat4x4f, QUADS>();
    for (var q = 0u; q < QUADS; q++) {
      e[q] = mat4x4f(w_at(rows[q].x + k), w_at(rows[q].y + k), w_at(rows[q].z + k), w_at(rows[q].w + k));
    }
    let at = (h * p.W + l) * step + c;
    var b = array<vec4f, GROUPS>();
    for (var g = 0u; g < GROUPS; g++) {
      let m = place[g].x < p.N && place[g].y + h < p.H && place[g].z + l < p.W;
      b[g] = select(vec4f(), x_at(select(0u, texels[g] + at, m)), m);
    }
    for (var i = 0u; i < ROWS; i++) {
      let own = subgroupShuffle(b[i / LANES], i % LANES);
      for (var q = 0u; q < QUADS; q++) { t[i * QUADS + q] += own * e[q]; }
    }
    c++;
    let over = c == quads;
    c = select(c, 0u, over);
    v += select(0u, p.uw, over);
    l -= select(0u, p.bw, over);
    let below = v >= p.KW;
    v = select(v, a.first.y, below);
    l = select(l, a.at.y, below);
    u += select(0u, p.uh, below);
    h -= select(0u, p.bh, below);
  }
  for (var i = 0u; i < ROWS * QUADS; i++) { done[i] = t[i]; }
  for (var i = 0u; i != ROWS * QUADS; i++) { put(first + i / QUADS, f, o + i % QUADS * 4u * LANES, done[i]); }
}
