// y[n, i, j, o] = Σ_{u, v, c} x[n, i·sh + u − top, j·sw + v − left, c] · w[u, v, c, o] + bias[o]
// x is 0 outside the image. n image; i, j output row, column; u, v tap; c, o input, output channel, multiples of 4.
// One subgroup of 4 lanes makes 32 pixels × 16 output channels. A lane holds four neighbouring channels of every
// pixel; of x it reads the pixels l, l + 4, … alone, four input channels a step, and each is then spread to all lanes
// from its register: no workgroup memory, no barrier. Operands come from textures, whose reads are cheap on the CPU.
enable subgroups;
struct Params {
  pixels: u32, H: u32, W: u32, C: u32, Ho: u32, Wo: u32, O: u32, KH: u32, KW: u32,
  sh: u32, sw: u32, top: u32, left: u32, biased: u32,
  x_offset: u32, x_stride: u32, w_offset: u32, bias_offset: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var x: texture_2d<f32>;
@group(0) @binding(2) var w: texture_2d<f32>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

fn epilogue(v: f32) -> f32 { return v; }

fn texel(t: u32) -> vec2u { return vec2u(t & 2047u, t >> 11u); }

// First row of the image and position of tap (0, 0); left of and above the image positions wrap to large numbers.
fn origin(row: u32) -> vec3u {
  let r = min(row, p.pixels - 1u);
  return vec3u(r / (p.Ho * p.Wo) * p.H, r / p.Wo % p.Ho * p.sh - p.top, r % p.Wo * p.sw - p.left);
}
fn inside(a: vec3u, u: u32, v: u32) -> bool { return a.y + u < p.H && a.z + v < p.W; }
fn address(a: vec3u, u: u32, v: u32) -> u32 { return (p.x_offset + ((a.x + a.y + u) * p.W + a.z + v) * p.x_stride) / 4u; }

fn put(row: u32, o: u32, value: vec4f) {
  if (row >= p.pixels || o >= p.O) { return; }
  var z = value;
  if (p.biased != 0u) { z += bias[(p.bias_offset + o) / 4u]; }
  y[(p.y_offset + row * p.y_stride + o) / 4u] = vec4f(epilogue(z.x), epilogue(z.y), epilogue(z.z), epilogue(z.w));
}

@compute @workgroup_size(4)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  let bands = (p.pixels + 31u) / 32u;
  let row = index % bands * 32u;
  let o = index / bands * 16u + 4u * lane;
  let quads = p.O / 4u;
  let column = min(o / 4u, quads - 1u);
  let o0 = origin(row + lane + 0u);
  let o1 = origin(row + lane + 4u);
  let o2 = origin(row + lane + 8u);
  let o3 = origin(row + lane + 12u);
  let o4 = origin(row + lane + 16u);
  let o5 = origin(row + lane + 20u);
  let o6 = origin(row + lane + 24u);
  let o7 = origin(row + lane + 28u);
  var a0 = vec4f(); var a1 = vec4f(); var a2 = vec4f(); var a3 = vec4f();
  var a4 = vec4f(); var a5 = vec4f(); var a6 = vec4f(); var a7 = vec4f();
  var a8 = vec4f(); var a9 = vec4f(); var a10 = vec4f(); var a11 = vec4f();
  var a12 = vec4f(); var a13 = vec4f(); var a14 = vec4f(); var a15 = vec4f();
  var a16 = vec4f(); var a17 = vec4f(); var a18 = vec4f(); var a19 = vec4f();
  var a20 = vec4f(); var a21 = vec4f(); var a22 = vec4f(); var a23 = vec4f();
  var a24 = vec4f(); var a25 = vec4f(); var a26 = vec4f(); var a27 = vec4f();
  var a28 = vec4f(); var a29 = vec4f(); var a30 = vec4f(); var a31 = vec4f();
  for (var u = 0u; u < p.KH; u++) {
    for (var v = 0u; v < p.KW; v++) {
      let m0 = inside(o0, u, v); let s0 = select(0u, address(o0, u, v), m0);
      let m1 = inside(o1, u, v); let s1 = select(0u, address(o1, u, v), m1);
      let m2 = inside(o2, u, v); let s2 = select(0u, address(o2, u, v), m2);
      let m3 = inside(o3, u, v); let s3 = select(0u, address(o3, u, v), m3);
      let m4 = inside(o4, u, v); let s4 = select(0u, address(o4, u, v), m4);
      let m5 = inside(o5, u, v); let s5 = select(0u, address(o5, u, v), m5);
      let m6 = inside(o6, u, v); let s6 = select(0u, address(o6, u, v), m6);
      let m7 = inside(o7, u, v); let s7 = select(0u, address(o7, u, v), m7);
      var k = (p.w_offset + (u * p.KW + v) * p.C * p.O) / 4u + column;
      for (var c = 0u; c < p.C / 4u; c++) {
        let f = mat4x4f(
          textureLoad(w, texel(k), 0), textureLoad(w, texel(k + quads), 0),
          textureLoad(w, texel(k + 2u * quads), 0), textureLoad(w, texel(k + 3u * quads), 0),
        );
        let x0 = select(vec4f(), textureLoad(x, texel(s0 + c), 0), m0);
        let x1 = select(vec4f(), textureLoad(x, texel(s1 + c), 0), m1);
        let x2 = select(vec4f(), textureLoad(x, texel(s2 + c), 0), m2);
        let x3 = select(vec4f(), textureLoad(x, texel(s3 + c), 0), m3);
        let x4 = select(vec4f(), textureLoad(x, texel(s4 + c), 0), m4);
        let x5 = select(vec4f(), textureLoad(x, texel(s5 + c), 0), m5);
        let x6 = select(vec4f(), textureLoad(x, texel(s6 + c), 0), m6);
        let x7 = select(vec4f(), textureLoad(x, texel(s7 + c), 0), m7);
        a0 += f * subgroupBroadcast(x0, 0u);
        a1 += f * subgroupBroadcast(x0, 1u);
        a2 += f * subgroupBroadcast(x0, 2u);
        a3 += f * subgroupBroadcast(x0, 3u);
        a4 += f * subgroupBroadcast(x1, 0u);
        a5 += f * subgroupBroadcast(x1, 1u);
        a6 += f * subgroupBroadcast(x1, 2u);
        a7 += f * subgroupBroadcast(x1, 3u);
        a8 += f * subgroupBroadcast(x2, 0u);
        a9 += f * subgroupBroadcast(x2, 1u);
        a10 += f * subgroupBroadcast(x2, 2u);
        a11 += f * subgroupBroadcast(x2, 3u);
        a12 += f * subgroupBroadcast(x3, 0u);
        a13 += f * subgroupBroadcast(x3, 1u);
        a14 += f * subgroupBroadcast(x3, 2u);
        a15 += f * subgroupBroadcast(x3, 3u);
        a16 += f * subgroupBroadcast(x4, 0u);
        a17 += f * subgroupBroadcast(x4, 1u);
        a18 += f * subgroupBroadcast(x4, 2u);
        a19 += f * subgroupBroadcast(x4, 3u);
        a20 += f * subgroupBroadcast(x5, 0u);
        a21 += f * subgroupBroadcast(x5, 1u);
        a22 += f * subgroupBroadcast(x5, 2u);
        a23 += f * subgroupBroadcast(x5, 3u);
        a24 += f * subgroupBroadcast(x6, 0u);
        a25 += f * subgroupBroadcast(x6, 1u);
        a26 += f * subgroupBroadcast(x6, 2u);
        a27 += f * subgroupBroadcast(x6, 3u);
        a28 += f * subgroupBroadcast(x7, 0u);
        a29 += f * subgroupBroadcast(x7, 1u);
        a30 += f * subgroupBroadcast(x7, 2u);
        a31 += f * subgroupBroadcast(x7, 3u);
        k += p.O;
      }
    }
  }
  put(row + 0u, o, a0); put(row + 1u, o, a1); put(row + 2u, o, a2); put(row + 3u, o, a3);
  put(row + 4u, o, a4); put(row + 5u, o, a5); put(row + 6u, o, a6); put(row + 7u, o, a7);
  put(row + 8u, o, a8); put(row + 9u, o, a9); put(row + 10u, o, a10); put(row + 11u, o, a11);
  put(row + 12u, o, a12); put(row + 13u, o, a13); put(row + 14u, o, a14); put(row + 15u, o, a15);
  put(row + 16u, o, a16); put(row + 17u, o, a17); put(row + 18u, o, a18); put(row + 19u, o, a19);
  put(row + 20u, o, a20); put(row + 21u, o, a21); put(row + 22u, o, a22); put(row + 23u, o, a23);
  put(row + 24u, o, a24); put(row + 25u, o, a25); put(row + 26u, o, a26); put(row + 27u, o, a27);
  put(row + 28u, o, a28); put(row + 29u, o, a29); put(row + 30u, o, a30); put(row + 31u, o, a31);
}
