// y[n, i, j, o] = Σ_{u, v, c} x[n, i·sh + u·dh − top, j·sw + v·dw − left, c] · w[u, v, c, o] + bias[o]
// x is 0 outside the image. Here n is the image, (i, j) the output pixel, (u, v) the tap, c the input channel and o the
// output channel.
// Both numbers of channels are multiples of 4. An invocation keeps 8 pixels × 8 output channels in registers and
// processes four input channels per step: if f is the matrix with columns w[u, v, c…c+3, o…o+3], then a += f · x[c…c+3]
// contains all products of a step. The kernel needs no barriers and no workgroup memory.
struct Params {
  pixels: u32, H: u32, W: u32, C: u32, Ho: u32, Wo: u32, O: u32, KH: u32, KW: u32,
  sh: u32, sw: u32, dh: u32, dw: u32, top: u32, left: u32, biased: u32,
  x_offset: u32, x_stride: u32, w_offset: u32, bias_offset: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

// #import window-pixels

fn put(row: u32, o: u32, value: vec4f) {
  if (row >= p.pixels || o >= p.O) { return; }
  var z = value;
  if (p.biased != 0u) { z += bias[(p.bias_offset + o) / 4u]; }
  y[(p.y_offset + row * p.y_stride + o) / 4u] = z;
}

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.y * groups.x * 32u + id.x;
  let blocks = (p.O + 7u) / 8u;
  let row = index / blocks * 8u;
  let o = index % blocks * 8u;
  if (row >= p.pixels) { return; }
  let near = origin(row);
  let far = origin(row + 4u);
  let quads = p.O / 4u;
  let second = select(0u, 1u, o + 4u < p.O);
  var a0 = vec4f(); var a1 = vec4f(); var a2 = vec4f(); var a3 = vec4f();
  var a4 = vec4f(); var a5 = vec4f(); var a6 = vec4f(); var a7 = vec4f();
  var b0 = vec4f(); var b1 = vec4f(); var b2 = vec4f(); var b3 = vec4f();
  var b4 = vec4f(); var b5 = vec4f(); var b6 = vec4f(); var b7 = vec4f();
  for (var u = 0u; u < p.KH; u++) {
    for (var v = 0u; v < p.KW; v++) {
      let m = inside(near, u * p.dh, v * p.dw);
      let n = inside(far, u * p.dh, v * p.dw);
      if (!any(m | n)) { continue; }
      let s = address(near, u * p.dh, v * p.dw, m) / 4u;
      let t = address(far, u * p.dh, v * p.dw, n) / 4u;
      var k = (p.w_offset + (u * p.KW + v) * p.C * p.O + o) / 4u;
      for (var c = 0u; c < p.C / 4u; c++) {
        let l = k + second;
        let f = mat4x4f(w[k], w[k + quads], w[k + 2u * quads], w[k + 3u * quads]);
        let g = mat4x4f(w[l], w[l + quads], w[l + 2u * quads], w[l + 3u * quads]);
        let x0 = select(vec4f(), x[s.x + c], m.x); a0 += f * x0; b0 += g * x0;
        let x1 = select(vec4f(), x[s.y + c], m.y); a1 += f * x1; b1 += g * x1;
        let x2 = select(vec4f(), x[s.z + c], m.z); a2 += f * x2; b2 += g * x2;
        let x3 = select(vec4f(), x[s.w + c], m.w); a3 += f * x3; b3 += g * x3;
        let x4 = select(vec4f(), x[t.x + c], n.x); a4 += f * x4; b4 += g * x4;
        let x5 = select(vec4f(), x[t.y + c], n.y); a5 += f * x5; b5 += g * x5;
        let x6 = select(vec4f(), x[t.z + c], n.z); a6 += f * x6; b6 += g * x6;
        let x7 = select(vec4f(), x[t.w + c], n.w); a7 += f * x7; b7 += g * x7;
        k += p.O;
      }
    }
  }
  put(row, o, a0); put(row + 1u, o, a1); put(row + 2u, o, a2); put(row + 3u, o, a3);
  put(row + 4u, o, a4); put(row + 5u, o, a5); put(row + 6u, o, a6); put(row + 7u, o, a7);
  let q = o + 4u;
  put(row, q, b0); put(row + 1u, q, b1); put(row + 2u, q, b2); put(row + 3u, q, b3);
  put(row + 4u, q, b4); put(row + 5u, q, b5); put(row + 6u, q, b6); put(row + 7u, q, b7);
}
