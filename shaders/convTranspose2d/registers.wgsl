// y[n, i, j, o] = Σ x[n, h, l, c] · w[u, v, o, c] + bias[o] over c, u, v with i = h·sh + u·dh − top and
// j = l·sw + v·dw − left. Here n is the image, (i, j) the output pixel, (h, l) the input pixel, (u, v) the tap, c the
// input channel and o the output channel.
// The output rows i = f + sh·r of one phase share their taps: u = first + step·t with h = at + r − back·t for t = 0, 1,
// …, and likewise along the columns.
// The number of input channels is a multiple of 4. An invocation keeps 8 pixels of one phase × 8 output channels in
// registers and processes four input channels per step: if g is the matrix with columns w[u, v, o…o+3, c…c+3], then a
// += x[c…c+3] · g contains all products of a step. The kernel needs no barriers and no workgroup memory.
struct Params {
  N: u32, H: u32, W: u32, C: u32, Ho: u32, Wo: u32, O: u32, KH: u32, KW: u32,
  sh: u32, sw: u32, dh: u32, dw: u32, gh: u32, gw: u32, ih: u32, iw: u32, uh: u32, uw: u32, bh: u32, bw: u32, top: u32, left: u32, biased: u32,
  x_offset: u32, x_stride: u32, w_offset: u32, bias_offset: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

// #import phase-taps
// #import phase-pixels

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.y * groups.x * 32u + id.x;
  let blocks = (p.O + 7u) / 8u;
  let o = index % blocks * 8u;
  let first = index / blocks * 8u;
  let near = pixels(first);
  let far = pixels(first + 4u);
  if (near.n.x >= p.N) { return; }
  let f = vec2u(id.z / p.sw, id.z % p.sw);
  let a = taps(f);
  let quads = p.C / 4u;
  let e = min(vec4u(0, 1, 2, 3), vec4u(p.O - 1u - o)) * quads;
  let d = min(vec4u(4, 5, 6, 7), vec4u(p.O - 1u - o)) * quads;
  var a0 = vec4f(); var a1 = vec4f(); var a2 = vec4f(); var a3 = vec4f();
  var a4 = vec4f(); var a5 = vec4f(); var a6 = vec4f(); var a7 = vec4f();
  var b0 = vec4f(); var b1 = vec4f(); var b2 = vec4f(); var b3 = vec4f();
  var b4 = vec4f(); var b5 = vec4f(); var b6 = vec4f(); var b7 = vec4f();
  var h = a.at.x;
  for (var u = a.first.x; u < p.KH; u += p.uh) {
    var l = a.at.y;
    for (var v = a.first.y; v < p.KW; v += p.uw) {
      let m = inside(near, h, l);
      let n = inside(far, h, l);
      let s = address(near, h, l, m) / 4u;
      let t = address(far, h, l, n) / 4u;
      let count = select(0u, quads, any(m | n));
      var k = (p.w_offset + ((u * p.KW + v) * p.O + o) * p.C) / 4u;
      for (var c = 0u; c < count; c++) {
        let g = mat4x4f(w[k], w[k + e.y], w[k + e.z], w[k + e.w]);
        let z = mat4x4f(w[k + d.x], w[k + d.y], w[k + d.z], w[k + d.w]);
        let x0 = select(vec4f(), x[s.x + c], m.x); a0 += x0 * g; b0 += x0 * z;
        let x1 = select(vec4f(), x[s.y + c], m.y); a1 += x1 * g; b1 += x1 * z;
        let x2 = select(vec4f(), x[s.z + c], m.z); a2 += x2 * g; b2 += x2 * z;
        let x3 = select(vec4f(), x[s.w + c], m.w); a3 += x3 * g; b3 += x3 * z;
        let x4 = select(vec4f(), x[t.x + c], n.x); a4 += x4 * g; b4 += x4 * z;
        let x5 = select(vec4f(), x[t.y + c], n.y); a5 += x5 * g; b5 += x5 * z;
        let x6 = select(vec4f(), x[t.z + c], n.z); a6 += x6 * g; b6 += x6 * z;
        let x7 = select(vec4f(), x[t.w + c], n.w); a7 += x7 * g; b7 += x7 * z;
        k++;
      }
      l -= p.bw;
    }
    h -= p.bh;
  }
  let i = f.x + p.sh * near.r;
  let j = f.y + p.sw * near.s;
  let q = o + 4u;
  put(near.n.x, i.x, j.x, o, a0); put(near.n.y, i.y, j.y, o, a1);
  put(near.n.z, i.z, j.z, o, a2); put(near.n.w, i.w, j.w, o, a3);
  put(near.n.x, i.x, j.x, q, b0); put(near.n.y, i.y, j.y, q, b1);
  put(near.n.z, i.z, j.z, q, b2); put(near.n.w, i.w, j.w, q, b3);
  let k = f.x + p.sh * far.r;
  let l = f.y + p.sw * far.s;
  put(far.n.x, k.x, l.x, o, a4); put(far.n.y, k.y, l.y, o, a5);
  put(far.n.z, k.z, l.z, o, a6); put(far.n.w, k.w, l.w, o, a7);
  put(far.n.x, k.x, l.x, q, b4); put(far.n.y, k.y, l.y, q, b5);
  put(far.n.z, k.z, l.z, q, b6); put(far.n.w, k.w, l.w, q, b7);
}
