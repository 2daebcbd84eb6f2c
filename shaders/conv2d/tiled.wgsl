// y[n, i, j, o] = Σ_{u, v, c} x[n, i·sh + u·dh − top, j·sw + v·dw − left, c] · w[u, v, c, o] + bias[o]
// x is 0 outside the image. Here n is the image, (i, j) the output pixel, (u, v) the tap, c the input channel and o the
// output channel.
// This is the product of a matrix of pixels × K, which is never stored, and one of K × output channels, where
// K = taps × C. A workgroup computes M pixels × N channels, and an invocation 8 pixels × WIDTH channels. A step is
// eight input channels of one tap. While one step is multiplied, the next one moves from storage to registers and then
// to the other half of workgroup memory, so a step needs only one barrier. Workgroup z sums the steps [z·chunk,
// (z + 1)·chunk) and writes the z-th block of rows; without splitK there is one block.
// #import tile-size

struct Params {
  pixels: u32, H: u32, W: u32, C: u32, Ho: u32, Wo: u32, O: u32, KH: u32, KW: u32,
  sh: u32, sw: u32, dh: u32, dw: u32, top: u32, left: u32, biased: u32, chunk: u32,
  x_offset: u32, x_stride: u32, w_offset: u32, bias_offset: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

// Each half holds channels 4q … 4q + 3 of pixel i·ROWS + r at xs[i][r][q], and the four outputs h·N/2 + 4c … of channel
// 4q + k at ws[q][k][h][c]. Neighbouring invocations read neighbouring memory banks, or the same address.
var<workgroup> xs: array<array<array<array<vec4f, 2>, ROWS>, 8>, 2>;
var<workgroup> ws: array<array<array<array<array<vec4f, COLUMNS>, HALVES>, 4>, 2>, 2>;

// #import tile-access

@compute @workgroup_size(T)
fn main(
  @builtin(local_invocation_index) t: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let tile = group.y * groups.x + group.x;
  let across = (p.O + N - 1u) / N;
  let first = tile / across * M;
  if (first >= p.pixels) { return; }
  // This invocation multiplies these rows and columns; 32 neighbours share 4 rows and 8 columns.
  let column = t % 8u + t / 32u % (COLUMNS / 8u) * 8u;
  let r = t / 8u % 4u + t / 32u / (COLUMNS / 8u) * 4u;
  // It loads the channels from 4·(t % 2) on of two pixels of x. Above and left of the image, positions wrap to large
  // numbers, so one comparison checks both ends.
  let slot = t / 2u + vec2u(0u, T / 2u);
  let pixel = first + slot;
  let image = pixel / (p.Ho * p.Wo) * p.H;
  let i = pixel / p.Wo % p.Ho * p.sh - p.top;
  let j = pixel % p.Wo * p.sw - p.left;
  // It loads four outputs of one or two channels of w.
  let k = t / (N / 4u);
  let quad = t % (N / 4u);
  let o = tile % across * N + 4u * quad;
  let steps = (p.C + 7u) / 8u;
  let start = group.z * p.chunk;
  let end = min(start + p.chunk, p.KH * p.KW * steps);
  var c = start % steps * 8u;
  var u = start / steps / p.KW;
  var v = start / steps % p.KW;
  var n0 = vec4f(); var n1 = vec4f(); var n2 = vec4f(); var n3 = vec4f();
  var n4 = vec4f(); var n5 = vec4f(); var n6 = vec4f(); var n7 = vec4f();
  var m0 = vec4f(); var m1 = vec4f(); var m2 = vec4f(); var m3 = vec4f();
  var m4 = vec4f(); var m5 = vec4f(); var m6 = vec4f(); var m7 = vec4f();
  var at = vec2u();
  var within = vec2<bool>();
  for (var s = start; s <= end; s++) {
    var x0 = vec4f(); var x1 = vec4f(); var w0 = vec4f(); var w1 = vec4f();
    if (s < end) {
      if (s == start || c == 0u) {
        let h = i + u * p.dh;
        let l = j + v * p.dw;
        within = (pixel < vec2u(p.pixels)) & (h < vec2u(p.H)) & (l < vec2u(p.W));
        at = p.x_offset + ((image + h) * p.W + l) * p.x_stride + 4u * (t % 2u);
      }
      let d = c + 4u * (t % 2u);
      if (within.x & (d < p.C)) { x0 = x4(at.x + c, p.C - d); }
      if (2u * M > T && (within.y & (d < p.C))) { x1 = x4(at.y + c, p.C - d); }
      let e = c + k;
      let origin = p.w_offset + ((u * p.KW + v) * p.C + e) * p.O + o;
      if ((k < 8u) & (e < p.C) & (o < p.O)) { w0 = w4(origin, p.O - o); }
      if (2u * N > T && ((e + 4u < p.C) & (o < p.O))) { w1 = w4(origin + 4u * p.O, p.O - o); }
      c += 8u;
      if (c >= p.C) {
        c = 0u;
        v++;
        if (v == p.KW) { v = 0u; u++; }
      }
    }
    if (s > start) {
      let b = (s + 1u) % 2u;
      for (var q = 0u; q < 2u; q++) {
        let f = mat4x4f(
          ws[b][q][0][0][column], ws[b][q][1][0][column], ws[b][q][2][0][column], ws[b][q][3][0][column]);
        let g = mat4x4f(
          ws[b][q][0][FAR][column], ws[b][q][1][FAR][column], ws[b][q][2][FAR][column], ws[b][q][3][FAR][column]);
        let a0 = xs[b][0][r][q]; n0 = plus(n0, a0, f); if (WIDE) { m0 = plus(m0, a0, g); }
        let a1 = xs[b][1][r][q]; n1 = plus(n1, a1, f); if (WIDE) { m1 = plus(m1, a1, g); }
        let a2 = xs[b][2][r][q]; n2 = plus(n2, a2, f); if (WIDE) { m2 = plus(m2, a2, g); }
        let a3 = xs[b][3][r][q]; n3 = plus(n3, a3, f); if (WIDE) { m3 = plus(m3, a3, g); }
        let a4 = xs[b][4][r][q]; n4 = plus(n4, a4, f); if (WIDE) { m4 = plus(m4, a4, g); }
        let a5 = xs[b][5][r][q]; n5 = plus(n5, a5, f); if (WIDE) { m5 = plus(m5, a5, g); }
        let a6 = xs[b][6][r][q]; n6 = plus(n6, a6, f); if (WIDE) { m6 = plus(m6, a6, g); }
        let a7 = xs[b][7][r][q]; n7 = plus(n7, a7, f); if (WIDE) { m7 = plus(m7, a7, g); }
      }
    }
    if (s < end) {
      let b = s % 2u;
      xs[b][slot.x / ROWS][slot.x % ROWS][t % 2u] = x0;
      if (2u * M > T) { xs[b][slot.y / ROWS][slot.y % ROWS][t % 2u] = x1; }
      if (k < 8u) { ws[b][k / 4u][k % 4u][quad / COLUMNS][quad % COLUMNS] = w0; }
      if (2u * N > T) { ws[b][1][k % 4u][quad / COLUMNS][quad % COLUMNS] = w1; }
    }
    workgroupBarrier();
  }
  let l = tile % across * N + 4u * column;
  // This is a loop, because fused activations would otherwise be in the code 16 times.
  for (var row = first + r; row < min(first + M, p.pixels); row += ROWS) {
    let e = p.y_offset + (group.z * p.pixels + row) * p.y_stride;
    store(e, l, n0);
    if (WIDE) { store(e, l + N / 2u, m0); }
    n0 = n1; n1 = n2; n2 = n3; n3 = n4; n4 = n5; n5 = n6; n6 = n7;
    m0 = m1; m1 = m2; m2 = m3; m3 = m4; m4 = m5; m5 = m6; m6 = m7;
  }
}
