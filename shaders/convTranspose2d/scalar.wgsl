// y[n, i, j, o] = Σ x[n, h, l, c] · w[u, v, o, c] + bias[o] over c, u, v with i = h·sh + u·dh − top and
// j = l·sw + v·dw − left. Here n is the image, (i, j) the output pixel, (h, l) the input pixel, (u, v) the tap, c the
// input channel and o the output channel.
// The output rows i = f + sh·r of one phase share their taps: u = first + step·t with h = at + r − back·t for t = 0, 1,
// …, and likewise along the columns.
// The numbers of channels are arbitrary. An invocation keeps 8 pixels of one phase × 4 output channels in registers, so
// it makes 12 loads for 32 multiply-adds. The kernel needs no barriers and no workgroup memory.
struct Params {
  N: u32, H: u32, W: u32, C: u32, Ho: u32, Wo: u32, O: u32, KH: u32, KW: u32,
  sh: u32, sw: u32, dh: u32, dw: u32, gh: u32, gw: u32, ih: u32, iw: u32, uh: u32, uw: u32, bh: u32, bw: u32, top: u32, left: u32, biased: u32,
  x_offset: u32, x_stride: u32, w_offset: u32, bias_offset: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

// #import phase-taps
// #import phase-pixels

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.y * groups.x * 32u + id.x;
  let blocks = (p.O + 3u) / 4u;
  let o = index % blocks * 4u;
  let first = index / blocks * 8u;
  let near = pixels(first);
  let far = pixels(first + 4u);
  if (near.n.x >= p.N) { return; }
  let f = vec2u(id.z / p.sw, id.z % p.sw);
  let a = taps(f);
  let next = min(vec3u(1, 2, 3), vec3u(p.O - 1u - o)) * p.C;
  var a0 = vec4f(); var a1 = vec4f(); var a2 = vec4f(); var a3 = vec4f();
  var a4 = vec4f(); var a5 = vec4f(); var a6 = vec4f(); var a7 = vec4f();
  var h = a.at.x;
  for (var u = a.first.x; u < p.KH; u += p.uh) {
    var l = a.at.y;
    for (var v = a.first.y; v < p.KW; v += p.uw) {
      let m = inside(near, h, l);
      let n = inside(far, h, l);
      let s = address(near, h, l, m);
      let t = address(far, h, l, n);
      let k = p.w_offset + ((u * p.KW + v) * p.O + o) * p.C;
      let count = select(0u, p.C, any(m | n));
      for (var c = 0u; c < count; c++) {
        let g = vec4f(w[k + c], w[k + next.x + c], w[k + next.y + c], w[k + next.z + c]);
        a0 += select(0.0, x[s.x + c], m.x) * g;
        a1 += select(0.0, x[s.y + c], m.y) * g;
        a2 += select(0.0, x[s.z + c], m.z) * g;
        a3 += select(0.0, x[s.w + c], m.w) * g;
        a4 += select(0.0, x[t.x + c], n.x) * g;
        a5 += select(0.0, x[t.y + c], n.y) * g;
        a6 += select(0.0, x[t.z + c], n.z) * g;
        a7 += select(0.0, x[t.w + c], n.w) * g;
      }
      l -= p.bw;
    }
    h -= p.bh;
  }
  let i = f.x + p.sh * near.r;
  let j = f.y + p.sw * near.s;
  put(near.n.x, i.x, j.x, o, a0); put(near.n.y, i.y, j.y, o, a1);
  put(near.n.z, i.z, j.z, o, a2); put(near.n.w, i.w, j.w, o, a3);
  let k = f.x + p.sh * far.r;
  let l = f.y + p.sw * far.s;
  put(far.n.x, k.x, l.x, o, a4); put(far.n.y, k.y, l.y, o, a5);
  put(far.n.z, k.z, l.z, o, a6); put(far.n.w, k.w, l.w, o, a7);
}
