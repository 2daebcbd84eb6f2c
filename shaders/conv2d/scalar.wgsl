// y[n, i, j, o] = Σ_{u, v, c} x[n, i·sh + u·dh − top, j·sw + v·dw − left, c] · w[u, v, c, o] + bias[o]
// x is 0 outside the image. Here n is the image, (i, j) the output pixel, (u, v) the tap, c the input channel and o the
// output channel.
// The numbers of channels are arbitrary. An invocation keeps 8 pixels × 4 output channels in registers, so it makes 12
// loads for 32 multiply-adds. The kernel needs no barriers and no workgroup memory.
struct Params {
  pixels: u32, H: u32, W: u32, C: u32, Ho: u32, Wo: u32, O: u32, KH: u32, KW: u32,
  sh: u32, sw: u32, dh: u32, dw: u32, top: u32, left: u32, biased: u32,
  x_offset: u32, x_stride: u32, w_offset: u32, bias_offset: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

// #import window-pixels

fn put(row: u32, o: u32, value: vec4f) {
  if (row >= p.pixels) { return; }
  for (var q = 0u; q < min(4u, p.O - o); q++) {
    var z = value[q];
    if (p.biased != 0u) { z += bias[p.bias_offset + o + q]; }
    y[p.y_offset + row * p.y_stride + o + q] = z;
  }
}

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.y * groups.x * 32u + id.x;
  let blocks = (p.O + 3u) / 4u;
  let row = index / blocks * 8u;
  let o = index % blocks * 4u;
  if (row >= p.pixels) { return; }
  let near = origin(row);
  let far = origin(row + 4u);
  let last = p.O - 1u - o;
  let next = min(vec3u(1, 2, 3), vec3u(last));
  var a0 = vec4f(); var a1 = vec4f(); var a2 = vec4f(); var a3 = vec4f();
  var a4 = vec4f(); var a5 = vec4f(); var a6 = vec4f(); var a7 = vec4f();
  for (var u = 0u; u < p.KH; u++) {
    for (var v = 0u; v < p.KW; v++) {
      let m = inside(near, u * p.dh, v * p.dw);
      let n = inside(far, u * p.dh, v * p.dw);
      if (!any(m | n)) { continue; }
      let s = address(near, u * p.dh, v * p.dw, m);
      let t = address(far, u * p.dh, v * p.dw, n);
      var k = p.w_offset + (u * p.KW + v) * p.C * p.O + o;
      for (var c = 0u; c < p.C; c++) {
        let f = vec4f(w[k], w[k + next.x], w[k + next.y], w[k + next.z]);
        a0 += select(0.0, x[s.x + c], m.x) * f;
        a1 += select(0.0, x[s.y + c], m.y) * f;
        a2 += select(0.0, x[s.z + c], m.z) * f;
        a3 += select(0.0, x[s.w + c], m.w) * f;
        a4 += select(0.0, x[t.x + c], n.x) * f;
        a5 += select(0.0, x[t.y + c], n.y) * f;
        a6 += select(0.0, x[t.z + c], n.z) * f;
        a7 += select(0.0, x[t.w + c], n.w) * f;
        k += p.O;
      }
    }
  }
  put(row, o, a0); put(row + 1u, o, a1); put(row + 2u, o, a2); put(row + 3u, o, a3);
  put(row + 4u, o, a4); put(row + 5u, o, a5); put(row + 6u, o, a6); put(row + 7u, o, a7);
}
