// y[n, i, j, o] = Σ x[n, h, l, c] · w[u, v, o, c] + bias[o], c, u, v with i = h·sh + u − top, j = l·sw + v − left
// n image; i, j output row, column; h, l input row, column; u, v tap; c, o input, output channel, c a multiple of 4.
// Output rows of one phase, i = f + sh·r, share their taps: u = a + sh·t and h = q + r − t, a and q being remainder and
// quotient of (f + top) / sh; likewise along the columns.
// One subgroup of 4 lanes makes 32 pixels of one phase × 16 output channels. A lane holds four neighbouring
// channels of every pixel; of x it reads the pixels l, l + 4, … alone, four input channels a step, and each is then
// spread to all lanes from its register: no workgroup memory, no barrier. Operands come from textures.
enable subgroups;
struct Params {
  N: u32, H: u32, W: u32, C: u32, Ho: u32, Wo: u32, O: u32, KH: u32, KW: u32,
  sh: u32, sw: u32, top: u32, left: u32, biased: u32,
  x_offset: u32, x_stride: u32, w_offset: u32, bias_offset: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var x: texture_2d<f32>;
@group(0) @binding(2) var w: texture_2d<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

fn epilogue(v: f32) -> f32 { return v; }

fn texel(t: u32) -> vec2u { return vec2u(t & 2047u, t >> 11u); }

// Image, and row and column counted within the phase.
fn pixel(m: u32) -> vec3u {
  let rows = (p.Ho + p.sh - 1u) / p.sh;
  let columns = (p.Wo + p.sw - 1u) / p.sw;
  return vec3u(m / (rows * columns), m / columns % rows, m % columns);
}
// Above and left of the image h and l have wrapped to large numbers, so that one comparison checks both ends.
fn inside(a: vec3u, h: u32, l: u32) -> bool { return a.x < p.N && a.y + h < p.H && a.z + l < p.W; }
fn address(a: vec3u, h: u32, l: u32) -> u32 { return (p.x_offset + ((a.x * p.H + a.y + h) * p.W + a.z + l) * p.x_stride) / 4u; }

fn put(m: u32, f: vec2u, o: u32, value: vec4f) {
  let a = pixel(m);
  let i = f.x + p.sh * a.y;
  let j = f.y + p.sw * a.z;
  if (a.x >= p.N || i >= p.Ho || j >= p.Wo) { return; }
  for (var q = o; q < min(o + 4u, p.O); q++) {
    var z = value[q - o];
    if (p.biased != 0u) { z += bias[p.bias_offset + q]; }
    y[p.y_offset + ((a.x * p.Ho + i) * p.Wo + j) * p.y_stride + q] = epilogue(z);
  }
}

@compute @workgroup_size(4)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  let pixels = p.N * ((p.Ho + p.sh - 1u) / p.sh) * ((p.Wo + p.sw - 1u) / p.sw);
  let bands = (pixels + 31u) / 32u;
  let first = index % bands * 32u;
  let o = index / bands * 16u + 4u * lane;
  let f = vec2u(group.z / p.sw, group.z % p.sw);
  let a = vec2u((f.x + p.top) % p.sh, (f.y + p.left) % p.sw);
  let quads = p.C / 4u;
  let near = min(o, p.O - 1u);
  let e = min(vec3u(1, 2, 3), vec3u(p.O - 1u - near)) * quads;
  let p0 = pixel(first + lane + 0u);
  let p1 = pixel(first + lane + 4u);
  let p2 = pixel(first + lane + 8u);
  let p3 = pixel(first + lane + 12u);
  let p4 = pixel(first + lane + 16u);
  let p5 = pixel(first + lane + 20u);
  let p6 = pixel(first + lane + 24u);
  let p7 = pixel(first + lane + 28u);
  var a0 = vec4f(); var a1 = vec4f(); var a2 = vec4f(); var a3 = vec4f();
  var a4 = vec4f(); var a5 = vec4f(); var a6 = vec4f(); var a7 = vec4f();
  var a8 = vec4f(); var a9 = vec4f(); var a10 = vec4f(); var a11 = vec4f();
  var a12 = vec4f(); var a13 = vec4f(); var a14 = vec4f(); var a15 = vec4f();
  var a16 = vec4f(); var a17 = vec4f(); var a18 = vec4f(); var a19 = vec4f();
  var a20 = vec4f(); var a21 = vec4f(); var a22 = vec4f(); var a23 = vec4f();
  var a24 = vec4f(); var a25 = vec4f(); var a26 = vec4f(); var a27 = vec4f();
  var a28 = vec4f(); var a29 = vec4f(); var a30 = vec4f(); var a31 = vec4f();
  var h = (f.x + p.top) / p.sh;
  for (var u = a.x; u < p.KH; u += p.sh) {
    var l = (f.y + p.left) / p.sw;
    for (var v = a.y; v < p.KW; v += p.sw) {
      let m0 = inside(p0, h, l); let s0 = select(0u, address(p0, h, l), m0);
      let m1 = inside(p1, h, l); let s1 = select(0u, address(p1, h, l), m1);
      let m2 = inside(p2, h, l); let s2 = select(0u, address(p2, h, l), m2);
      let m3 = inside(p3, h, l); let s3 = select(0u, address(p3, h, l), m3);
      let m4 = inside(p4, h, l); let s4 = select(0u, address(p4, h, l), m4);
      let m5 = inside(p5, h, l); let s5 = select(0u, address(p5, h, l), m5);
      let m6 = inside(p6, h, l); let s6 = select(0u, address(p6, h, l), m6);
      let m7 = inside(p7, h, l); let s7 = select(0u, address(p7, h, l), m7);
      var k = (p.w_offset + ((u * p.KW + v) * p.O + near) * p.C) / 4u;
      for (var c = 0u; c < quads; c++) {
        let g = mat4x4f(
          textureLoad(w, texel(k), 0), textureLoad(w, texel(k + e.x), 0),
          textureLoad(w, texel(k + e.y), 0), textureLoad(w, texel(k + e.z), 0),
        );
        let x0 = select(vec4f(), textureLoad(x, texel(s0 + c), 0), m0);
        let x1 = select(vec4f(), textureLoad(x, texel(s1 + c), 0), m1);
        let x2 = select(vec4f(), textureLoad(x, texel(s2 + c), 0), m2);
        let x3 = select(vec4f(), textureLoad(x, texel(s3 + c), 0), m3);
        let x4 = select(vec4f(), textureLoad(x, texel(s4 + c), 0), m4);
        let x5 = select(vec4f(), textureLoad(x, texel(s5 + c), 0), m5);
        let x6 = select(vec4f(), textureLoad(x, texel(s6 + c), 0), m6);
        let x7 = select(vec4f(), textureLoad(x, texel(s7 + c), 0), m7);
        a0 += subgroupBroadcast(x0, 0u) * g;
        a1 += subgroupBroadcast(x0, 1u) * g;
        a2 += subgroupBroadcast(x0, 2u) * g;
        a3 += subgroupBroadcast(x0, 3u) * g;
        a4 += subgroupBroadcast(x1, 0u) * g;
        a5 += subgroupBroadcast(x1, 1u) * g;
        a6 += subgroupBroadcast(x1, 2u) * g;
        a7 += subgroupBroadcast(x1, 3u) * g;
        a8 += subgroupBroadcast(x2, 0u) * g;
        a9 += subgroupBroadcast(x2, 1u) * g;
        a10 += subgroupBroadcast(x2, 2u) * g;
        a11 += subgroupBroadcast(x2, 3u) * g;
        a12 += subgroupBroadcast(x3, 0u) * g;
        a13 += subgroupBroadcast(x3, 1u) * g;
        a14 += subgroupBroadcast(x3, 2u) * g;
        a15 += subgroupBroadcast(x3, 3u) * g;
        a16 += subgroupBroadcast(x4, 0u) * g;
        a17 += subgroupBroadcast(x4, 1u) * g;
        a18 += subgroupBroadcast(x4, 2u) * g;
        a19 += subgroupBroadcast(x4, 3u) * g;
        a20 += subgroupBroadcast(x5, 0u) * g;
        a21 += subgroupBroadcast(x5, 1u) * g;
        a22 += subgroupBroadcast(x5, 2u) * g;
        a23 += subgroupBroadcast(x5, 3u) * g;
        a24 += subgroupBroadcast(x6, 0u) * g;
        a25 += subgroupBroadcast(x6, 1u) * g;
        a26 += subgroupBroadcast(x6, 2u) * g;
        a27 += subgroupBroadcast(x6, 3u) * g;
        a28 += subgroupBroadcast(x7, 0u) * g;
        a29 += subgroupBroadcast(x7, 1u) * g;
        a30 += subgroupBroadcast(x7, 2u) * g;
        a31 += subgroupBroadcast(x7, 3u) * g;
        k++;
      }
      l--;
    }
    h--;
  }
  put(first + 0u, f, o, a0); put(first + 1u, f, o, a1);
  put(first + 2u, f, o, a2); put(first + 3u, f, o, a3);
  put(first + 4u, f, o, a4); put(first + 5u, f, o, a5);
  put(first + 6u, f, o, a6); put(first + 7u, f, o, a7);
  put(first + 8u, f, o, a8); put(first + 9u, f, o, a9);
  put(first + 10u, f, o, a10); put(first + 11u, f, o, a11);
  put(first + 12u, f, o, a12); put(first + 13u, f, o, a13);
  put(first + 14u, f, o, a14); put(first + 15u, f, o, a15);
  put(first + 16u, f, o, a16); put(first + 17u, f, o, a17);
  put(first + 18u, f, o, a18); put(first + 19u, f, o, a19);
  put(first + 20u, f, o, a20); put(first + 21u, f, o, a21);
  put(first + 22u, f, o, a22); put(first + 23u, f, o, a23);
  put(first + 24u, f, o, a24); put(first + 25u, f, o, a25);
  put(first + 26u, f, o, a26); put(first + 27u, f, o, a27);
  put(first + 28u, f, o, a28); put(first + 29u, f, o, a29);
  put(first + 30u, f, o, a30); put(first + 31u, f, o, a31);
}
