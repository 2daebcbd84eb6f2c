// partials[z, u, v, c, o] = Σ x[n, i·sh + u·dh − top, j·sw + v·dw − left, c] · gy[n, i, j, o]
// over all j and the z-th chunk of the rows r = n·Ho + i of gy, where x is 0 outside the image. The chunks are added
// afterwards in order. Here n is the image, (i, j) the pixel of gy, (u, v) the tap, and c and o are channels of x and
// gy.
// An invocation keeps 8 c × 8 o of one tap in registers and processes two pixels per step, each with 16 loads for 64
// multiply-adds. Because the tap is fixed, the pixels inside the image are a range of j.
struct Params {
  N: u32, H: u32, W: u32, C: u32, Ho: u32, Wo: u32, O: u32, KH: u32, KW: u32, sh: u32, sw: u32, dh: u32, dw: u32, top: u32, left: u32,
  rows: u32, x_offset: u32, x_stride: u32, gy_offset: u32, gy_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> gy: array<f32>;
@group(0) @binding(3) var<storage, read_write> partials: array<f32>;

fn four(at: u32, next: vec4u) -> vec4f {
  return vec4f(gy[at + next.x], gy[at + next.y], gy[at + next.z], gy[at + next.w]);
}

fn put(at: u32, c: u32, o: u32, near: vec4f, far: vec4f) {
  if (c >= p.C) { return; }
  for (var q = 0u; q < min(8u, p.O - o); q++) {
    partials[at + c * p.O + o + q] = select(near[q % 4u], far[q % 4u], q >= 4u);
  }
}

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.y * groups.x * 32u + id.x;
  let down = (p.C + 7u) / 8u;
  let across = (p.O + 7u) / 8u;
  let tap = index / (down * across);
  if (tap >= p.KH * p.KW) { return; }
  let c = index / across % down * 8u;
  let o = index % across * 8u;
  // These are the rows and columns from tap (0, 0) to this one.
  let u = tap / p.KW * p.dh;
  let v = tap % p.KW * p.dw;
  let c0 = min(vec4u(0, 1, 2, 3), vec4u(p.C - 1u - c));
  let c1 = min(vec4u(4, 5, 6, 7), vec4u(p.C - 1u - c));
  let o0 = min(vec4u(0, 1, 2, 3), vec4u(p.O - 1u - o));
  let o1 = min(vec4u(4, 5, 6, 7), vec4u(p.O - 1u - o));
  // These are the columns with 0 ≤ j·sw + v − left < W.
  let first = select(0u, (p.left - v + p.sw - 1u) / p.sw, p.left > v);
  let end = select(0u, min(p.Wo, (p.W + p.left - v + p.sw - 1u) / p.sw), p.W + p.left > v);
  var a0 = vec4f(); var a1 = vec4f(); var a2 = vec4f(); var a3 = vec4f();
  var a4 = vec4f(); var a5 = vec4f(); var a6 = vec4f(); var a7 = vec4f();
  var b0 = vec4f(); var b1 = vec4f(); var b2 = vec4f(); var b3 = vec4f();
  var b4 = vec4f(); var b5 = vec4f(); var b6 = vec4f(); var b7 = vec4f();
  for (var r = id.z * p.rows; r < min((id.z + 1u) * p.rows, p.N * p.Ho); r++) {
    // Above the image, h wraps to a large number, so one comparison checks both ends.
    let h = r % p.Ho * p.sh + u - p.top;
    if (h >= p.H) { continue; }
    for (var j = first; j < end; j += 2u) {
      let s = p.x_offset + ((r / p.Ho * p.H + h) * p.W + j * p.sw + v - p.left) * p.x_stride + c;
      let g = p.gy_offset + (r * p.Wo + j) * p.gy_stride + o;
      let second = j + 1u < end;
      let t = select(s, s + p.sw * p.x_stride, second);
      let f = select(g, g + p.gy_stride, second);
      let g0 = four(g, o0);
      let g1 = four(g, o1);
      let f0 = select(vec4f(), four(f, o0), second);
      let f1 = select(vec4f(), four(f, o1), second);
      let s0 = x[s + c0.x]; let t0 = x[t + c0.x]; a0 += s0 * g0 + t0 * f0; b0 += s0 * g1 + t0 * f1;
      let s1 = x[s + c0.y]; let t1 = x[t + c0.y]; a1 += s1 * g0 + t1 * f0; b1 += s1 * g1 + t1 * f1;
      let s2 = x[s + c0.z]; let t2 = x[t + c0.z]; a2 += s2 * g0 + t2 * f0; b2 += s2 * g1 + t2 * f1;
      let s3 = x[s + c0.w]; let t3 = x[t + c0.w]; a3 += s3 * g0 + t3 * f0; b3 += s3 * g1 + t3 * f1;
      let s4 = x[s + c1.x]; let t4 = x[t + c1.x]; a4 += s4 * g0 + t4 * f0; b4 += s4 * g1 + t4 * f1;
      let s5 = x[s + c1.y]; let t5 = x[t + c1.y]; a5 += s5 * g0 + t5 * f0; b5 += s5 * g1 + t5 * f1;
      let s6 = x[s + c1.z]; let t6 = x[t + c1.z]; a6 += s6 * g0 + t6 * f0; b6 += s6 * g1 + t6 * f1;
      let s7 = x[s + c1.w]; let t7 = x[t + c1.w]; a7 += s7 * g0 + t7 * f0; b7 += s7 * g1 + t7 * f1;
    }
  }
  let at = (id.z * p.KH * p.KW + tap) * p.C * p.O;
  put(at, c, o, a0, b0); put(at, c + 1u, o, a1, b1); put(at, c + 2u, o, a2, b2); put(at, c + 3u, o, a3, b3);
  put(at, c + 4u, o, a4, b4); put(at, c + 5u, o, a5, b5); put(at, c + 6u, o, a6, b6); put(at, c + 7u, o, a7, b7);
}
