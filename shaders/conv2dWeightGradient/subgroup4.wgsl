// partials[z, u, v, c, o] = Σ x[n, i·sh + u − top, j·sw + v − left, c] · gy[n, i, j, o]
// over all j and the z-th chunk of the rows r = n·Ho + i of gy, x being 0 outside the image; the chunks are added
// afterwards in order. n image; i, j row, column of gy; u, v tap; c, o channel of x, of gy, both multiples of 4.
// One subgroup of 4 lanes makes 32 c × 16 o of one tap, four pixels a step. A lane holds four neighbouring o of
// every c; of x it reads the channels from 4l and 16 + 4l alone, which are then spread to all lanes from its register: no
// workgroup memory, no barrier. Operands come from textures. The tap being fixed, the pixels inside the image are a
// range of j.
enable subgroups;
struct Params {
  N: u32, H: u32, W: u32, C: u32, Ho: u32, Wo: u32, O: u32, KH: u32, KW: u32, sh: u32, sw: u32, top: u32, left: u32,
  rows: u32, x_offset: u32, x_stride: u32, gy_offset: u32, gy_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var x: texture_2d<f32>;
@group(0) @binding(2) var gy: texture_2d<f32>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4f>;

fn texel(t: u32) -> vec2u { return vec2u(t & 2047u, t >> 11u); }

fn put(at: u32, c: u32, o: u32, value: vec4f) {
  if (c >= p.C || o >= p.O) { return; }
  partials[(at + c * p.O + o) / 4u] = value;
}

@compute @workgroup_size(4)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  let down = (p.C + 31u) / 32u;
  let across = (p.O + 15u) / 16u;
  let tap = index / (down * across);
  if (tap >= p.KH * p.KW) { return; }
  let c = index / across % down * 32u;
  let o = index % across * 16u + 4u * lane;
  let u = tap / p.KW;
  let v = tap % p.KW;
  let column = min(o / 4u, p.O / 4u - 1u);
  let q0 = min(c / 4u + lane + 0u, p.C / 4u - 1u);
  let q1 = min(c / 4u + lane + 4u, p.C / 4u - 1u);
  // Columns with 0 ≤ j·sw + v − left < W.
  let first = select(0u, (p.left - v + p.sw - 1u) / p.sw, p.left > v);
  let end = select(0u, min(p.Wo, (p.W + p.left - v + p.sw - 1u) / p.sw), p.W + p.left > v);
  let x_step = p.sw * p.x_stride / 4u;
  let gy_step = p.gy_stride / 4u;
  var a0 = vec4f(); var a1 = vec4f(); var a2 = vec4f(); var a3 = vec4f();
  var a4 = vec4f(); var a5 = vec4f(); var a6 = vec4f(); var a7 = vec4f();
  var a8 = vec4f(); var a9 = vec4f(); var a10 = vec4f(); var a11 = vec4f();
  var a12 = vec4f(); var a13 = vec4f(); var a14 = vec4f(); var a15 = vec4f();
  var a16 = vec4f(); var a17 = vec4f(); var a18 = vec4f(); var a19 = vec4f();
  var a20 = vec4f(); var a21 = vec4f(); var a22 = vec4f(); var a23 = vec4f();
  var a24 = vec4f(); var a25 = vec4f(); var a26 = vec4f(); var a27 = vec4f();
  var a28 = vec4f(); var a29 = vec4f(); var a30 = vec4f(); var a31 = vec4f();
  for (var r = group.z * p.rows; r < min((group.z + 1u) * p.rows, p.N * p.Ho); r++) {
    // Above the image h wraps to a large number, so that one comparison checks both ends.
    let h = r % p.Ho * p.sh + u - p.top;
    if (h >= p.H) { continue; }
    for (var j = first; j < end; j += 4u) {
      let s = (p.x_offset + ((r / p.Ho * p.H + h) * p.W + j * p.sw + v - p.left) * p.x_stride) / 4u;
      let t = (p.gy_offset + (r * p.Wo + j) * p.gy_stride) / 4u + column;
      // Beyond the last pixel the first is read again, times zero.
      let m = vec4u(j) + vec4u(0, 1, 2, 3) < vec4u(end);
      let d = select(vec4u(), vec4u(0, 1, 2, 3), m);
      let g0 = textureLoad(gy, texel(t), 0);
      let g1 = select(vec4f(), textureLoad(gy, texel(t + d.y * gy_step), 0), m.y);
      let g2 = select(vec4f(), textureLoad(gy, texel(t + d.z * gy_step), 0), m.z);
      let g3 = select(vec4f(), textureLoad(gy, texel(t + d.w * gy_step), 0), m.w);
      let x0 = textureLoad(x, texel(s + q0), 0);
      let y0 = textureLoad(x, texel(s + q0 + d.y * x_step), 0);
      let z0 = textureLoad(x, texel(s + q0 + d.z * x_step), 0);
      let w0 = textureLoad(x, texel(s + q0 + d.w * x_step), 0);
      let x1 = textureLoad(x, texel(s + q1), 0);
      let y1 = textureLoad(x, texel(s + q1 + d.y * x_step), 0);
      let z1 = textureLoad(x, texel(s + q1 + d.z * x_step), 0);
      let w1 = textureLoad(x, texel(s + q1 + d.w * x_step), 0);
      {
        let e = subgroupBroadcast(x0, 0u); let f = subgroupBroadcast(y0, 0u);
        let k = subgroupBroadcast(z0, 0u); let n = subgroupBroadcast(w0, 0u);
        a0 += e.x * g0 + f.x * g1 + k.x * g2 + n.x * g3;
        a1 += e.y * g0 + f.y * g1 + k.y * g2 + n.y * g3;
        a2 += e.z * g0 + f.z * g1 + k.z * g2 + n.z * g3;
        a3 += e.w * g0 + f.w * g1 + k.w * g2 + n.w * g3;
      }
      {
        let e = subgroupBroadcast(x0, 1u); let f = subgroupBroadcast(y0, 1u);
        let k = subgroupBroadcast(z0, 1u); let n = subgroupBroadcast(w0, 1u);
        a4 += e.x * g0 + f.x * g1 + k.x * g2 + n.x * g3;
        a5 += e.y * g0 + f.y * g1 + k.y * g2 + n.y * g3;
        a6 += e.z * g0 + f.z * g1 + k.z * g2 + n.z * g3;
        a7 += e.w * g0 + f.w * g1 + k.w * g2 + n.w * g3;
      }
      {
        let e = subgroupBroadcast(x0, 2u); let f = subgroupBroadcast(y0, 2u);
        let k = subgroupBroadcast(z0, 2u); let n = subgroupBroadcast(w0, 2u);
        a8 += e.x * g0 + f.x * g1 + k.x * g2 + n.x * g3;
        a9 += e.y * g0 + f.y * g1 + k.y * g2 + n.y * g3;
        a10 += e.z * g0 + f.z * g1 + k.z * g2 + n.z * g3;
        a11 += e.w * g0 + f.w * g1 + k.w * g2 + n.w * g3;
      }
      {
        let e = subgroupBroadcast(x0, 3u); let f = subgroupBroadcast(y0, 3u);
        let k = subgroupBroadcast(z0, 3u); let n = subgroupBroadcast(w0, 3u);
        a12 += e.x * g0 + f.x * g1 + k.x * g2 + n.x * g3;
        a13 += e.y * g0 + f.y * g1 + k.y * g2 + n.y * g3;
        a14 += e.z * g0 + f.z * g1 + k.z * g2 + n.z * g3;
        a15 += e.w * g0 + f.w * g1 + k.w * g2 + n.w * g3;
      }
      {
        let e = subgroupBroadcast(x1, 0u); let f = subgroupBroadcast(y1, 0u);
        let k = subgroupBroadcast(z1, 0u); let n = subgroupBroadcast(w1, 0u);
        a16 += e.x * g0 + f.x * g1 + k.x * g2 + n.x * g3;
        a17 += e.y * g0 + f.y * g1 + k.y * g2 + n.y * g3;
        a18 += e.z * g0 + f.z * g1 + k.z * g2 + n.z * g3;
        a19 += e.w * g0 + f.w * g1 + k.w * g2 + n.w * g3;
      }
      {
        let e = subgroupBroadcast(x1, 1u); let f = subgroupBroadcast(y1, 1u);
        let k = subgroupBroadcast(z1, 1u); let n = subgroupBroadcast(w1, 1u);
        a20 += e.x * g0 + f.x * g1 + k.x * g2 + n.x * g3;
        a21 += e.y * g0 + f.y * g1 + k.y * g2 + n.y * g3;
        a22 += e.z * g0 + f.z * g1 + k.z * g2 + n.z * g3;
        a23 += e.w * g0 + f.w * g1 + k.w * g2 + n.w * g3;
      }
      {
        let e = subgroupBroadcast(x1, 2u); let f = subgroupBroadcast(y1, 2u);
        let k = subgroupBroadcast(z1, 2u); let n = subgroupBroadcast(w1, 2u);
        a24 += e.x * g0 + f.x * g1 + k.x * g2 + n.x * g3;
        a25 += e.y * g0 + f.y * g1 + k.y * g2 + n.y * g3;
        a26 += e.z * g0 + f.z * g1 + k.z * g2 + n.z * g3;
        a27 += e.w * g0 + f.w * g1 + k.w * g2 + n.w * g3;
      }
      {
        let e = subgroupBroadcast(x1, 3u); let f = subgroupBroadcast(y1, 3u);
        let k = subgroupBroadcast(z1, 3u); let n = subgroupBroadcast(w1, 3u);
        a28 += e.x * g0 + f.x * g1 + k.x * g2 + n.x * g3;
        a29 += e.y * g0 + f.y * g1 + k.y * g2 + n.y * g3;
        a30 += e.z * g0 + f.z * g1 + k.z * g2 + n.z * g3;
        a31 += e.w * g0 + f.w * g1 + k.w * g2 + n.w * g3;
      }
    }
  }
  let at = (group.z * p.KH * p.KW + tap) * p.C * p.O;
  put(at, c + 0u, o, a0); put(at, c + 1u, o, a1); put(at, c + 2u, o, a2); put(at, c + 3u, o, a3);
  put(at, c + 4u, o, a4); put(at, c + 5u, o, a5); put(at, c + 6u, o, a6); put(at, c + 7u, o, a7);
  put(at, c + 8u, o, a8); put(at, c + 9u, o, a9); put(at, c + 10u, o, a10); put(at, c + 11u, o, a11);
  put(at, c + 12u, o, a12); put(at, c + 13u, o, a13); put(at, c + 14u, o, a14); put(at, c + 15u, o, a15);
  put(at, c + 16u, o, a16); put(at, c + 17u, o, a17); put(at, c + 18u, o, a18); put(at, c + 19u, o, a19);
  put(at, c + 20u, o, a20); put(at, c + 21u, o, a21); put(at, c + 22u, o, a22); put(at, c + 23u, o, a23);
  put(at, c + 24u, o, a24); put(at, c + 25u, o, a25); put(at, c + 26u, o, a26); put(at, c + 27u, o, a27);
  put(at, c + 28u, o, a28); put(at, c + 29u, o, a29); put(at, c + 30u, o, a30); put(at, c + 31u, o, a31);
}
