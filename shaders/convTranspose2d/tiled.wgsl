// y[n, i, j, o] = Σ x[n, h, l, c] · w[u, v, o, c] + bias[o] over c, u, v with i = h·sh + u·dh − top and
// j = l·sw + v·dw − left. Here n is the image, (i, j) the output pixel, (h, l) the input pixel, (u, v) the tap, c the
// input channel and o the output channel.
// The output rows i = f + sh·r of one phase share their taps: u = first + step·t with h = at + r − back·t for t = 0, 1,
// …, and likewise along the columns.
// Each phase is therefore the product of a matrix of its pixels × K and one of K × output channels, where K = the phase's
// taps × C. A workgroup computes M pixels × N channels, and an invocation 8 pixels × WIDTH channels. A step is eight
// input channels of one tap. While one step is multiplied, the next one moves from storage to registers and then to the
// other half of workgroup memory, so a step needs only one barrier. Workgroup z = phase + phases · b sums the steps
// [b·chunk, (b + 1)·chunk) and writes the b-th block of rows; without splitK there is one block.
// #import tile-size

struct Params {
  N: u32, H: u32, W: u32, C: u32, Ho: u32, Wo: u32, O: u32, KH: u32, KW: u32,
  sh: u32, sw: u32, dh: u32, dw: u32, gh: u32, gw: u32, ih: u32, iw: u32, uh: u32, uw: u32, bh: u32, bw: u32, top: u32, left: u32, biased: u32, chunk: u32,
  x_offset: u32, x_stride: u32, w_offset: u32, bias_offset: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

// Each half holds input channels 4q … 4q + 3 of pixel i·ROWS + r at xs[i][r][q], and those of output channel
// h·N/2 + 4c + k at ws[q][k][h][c ^ 4q]. Neighbouring invocations access neighbouring memory banks, or read the same
// address.
var<workgroup> xs: array<array<array<array<vec4f, 2>, ROWS>, 8>, 2>;
var<workgroup> ws: array<array<array<array<array<vec4f, COLUMNS>, HALVES>, 4>, 2>, 2>;

// #import tile-access
// #import phase-taps

@compute @workgroup_size(T)
fn main(
  @builtin(local_invocation_index) t: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  // A phase has this many images, rows and columns.
  let size = vec3u(p.N, (p.Ho + p.sh - 1u) / p.sh, (p.Wo + p.sw - 1u) / p.sw);
  let pixels = size.x * size.y * size.z;
  let tile = group.y * groups.x + group.x;
  let across = (p.O + N - 1u) / N;
  let first = tile / across * M;
  if (first >= pixels) { return; }
  let phase = group.z % (p.sh * p.sw);
  let block = group.z / (p.sh * p.sw);
  let f = vec2u(phase / p.sw, phase % p.sw);
  let a = taps(f);
  let count = (vec2u(p.KH, p.KW) + vec2u(p.uh, p.uw) - 1u - a.first) / vec2u(p.uh, p.uw);
  // This invocation multiplies these rows and columns; 32 neighbours share 4 rows and 8 columns.
  let column = t % 8u + t / 32u % (COLUMNS / 8u) * 8u;
  let r = t / 8u % 4u + t / 32u / (COLUMNS / 8u) * 4u;
  // It loads the channels from 4q on of two pixels of x, of which tap t = 0 reads (h, l), and those channels of one or
  // two outputs of w.
  let q = t % 2u;
  let slot = t / 2u + vec2u(0u, T / 2u);
  let pixel = first + slot;
  let n = pixel / (size.y * size.z);
  let h = pixel / size.z % size.y + a.at.x;
  let l = pixel % size.z + a.at.y;
  let k = slot / (N / 4u);
  let quad = slot.x % (N / 4u);
  let o = tile % across * N + 4u * quad + k;
  let steps = (p.C + 7u) / 8u;
  let start = block * p.chunk;
  let end = min(start + p.chunk, count.x * count.y * steps);
  var c = start % steps * 8u;
  // A phase may have no taps at all.
  var tap = vec2u(start / steps / max(count.y, 1u), start / steps % max(count.y, 1u));
  var n0 = vec4f(); var n1 = vec4f(); var n2 = vec4f(); var n3 = vec4f();
  var n4 = vec4f(); var n5 = vec4f(); var n6 = vec4f(); var n7 = vec4f();
  var m0 = vec4f(); var m1 = vec4f(); var m2 = vec4f(); var m3 = vec4f();
  var m4 = vec4f(); var m5 = vec4f(); var m6 = vec4f(); var m7 = vec4f();
  var at = vec2u();
  var origin = vec2u();
  var within = vec2<bool>();
  for (var s = start; s <= end; s++) {
    var x0 = vec4f(); var x1 = vec4f(); var w0 = vec4f(); var w1 = vec4f();
    if (s < end) {
      if (s == start || c == 0u) {
        // Above and left of the image, the position wraps to a large number, so one comparison checks both ends.
        let row = h - tap.x * p.bh;
        let col = l - tap.y * p.bw;
        within = (n < vec2u(p.N)) & (row < vec2u(p.H)) & (col < vec2u(p.W));
        at = p.x_offset + ((n * p.H + row) * p.W + col) * p.x_stride + 4u * q;
        let uv = a.first + vec2u(p.uh, p.uw) * tap;
        origin = p.w_offset + ((uv.x * p.KW + uv.y) * p.O + o) * p.C + 4u * q;
      }
      let d = c + 4u * q;
      if (within.x & (d < p.C)) { x0 = x4(at.x + c, p.C - d); }
      if (2u * M > T && (within.y & (d < p.C))) { x1 = x4(at.y + c, p.C - d); }
      if ((k.x < 4u) & (o.x < p.O) & (d < p.C)) { w0 = w4(origin.x + c, p.C - d); }
      if (2u * N > T && ((o.y < p.O) & (d < p.C))) { w1 = w4(origin.y + c, p.C - d); }
      c += 8u;
      if (c >= p.C) {
        c = 0u;
        tap.y++;
        if (tap.y == count.y) { tap = vec2u(tap.x + 1u, 0u); }
      }
    }
    if (s > start) {
      let b = (s + 1u) % 2u;
      for (var e = 0u; e < 2u; e++) {
        let z = column ^ (4u * e);
        let f = transpose(mat4x4f(ws[b][e][0][0][z], ws[b][e][1][0][z], ws[b][e][2][0][z], ws[b][e][3][0][z]));
        let g = transpose(
          mat4x4f(ws[b][e][0][FAR][z], ws[b][e][1][FAR][z], ws[b][e][2][FAR][z], ws[b][e][3][FAR][z]));
        let a0 = xs[b][0][r][e]; n0 = plus(n0, a0, f); if (WIDE) { m0 = plus(m0, a0, g); }
        let a1 = xs[b][1][r][e]; n1 = plus(n1, a1, f); if (WIDE) { m1 = plus(m1, a1, g); }
        let a2 = xs[b][2][r][e]; n2 = plus(n2, a2, f); if (WIDE) { m2 = plus(m2, a2, g); }
        let a3 = xs[b][3][r][e]; n3 = plus(n3, a3, f); if (WIDE) { m3 = plus(m3, a3, g); }
        let a4 = xs[b][4][r][e]; n4 = plus(n4, a4, f); if (WIDE) { m4 = plus(m4, a4, g); }
        let a5 = xs[b][5][r][e]; n5 = plus(n5, a5, f); if (WIDE) { m5 = plus(m5, a5, g); }
        let a6 = xs[b][6][r][e]; n6 = plus(n6, a6, f); if (WIDE) { m6 = plus(m6, a6, g); }
        let a7 = xs[b][7][r][e]; n7 = plus(n7, a7, f); if (WIDE) { m7 = plus(m7, a7, g); }
      }
    }
    if (s < end) {
      let b = s % 2u;
      xs[b][slot.x / ROWS][slot.x % ROWS][q] = x0;
      if (2u * M > T) { xs[b][slot.y / ROWS][slot.y % ROWS][q] = x1; }
      if (k.x < 4u) { ws[b][q][k.x][quad / COLUMNS][(quad % COLUMNS) ^ (4u * q)] = w0; }
      if (2u * N > T) { ws[b][q][k.y][quad / COLUMNS][(quad % COLUMNS) ^ (4u * q)] = w1; }
    }
    workgroupBarrier();
  }
  let e = tile % across * N + 4u * column;
  // This is a loop, because fused activations would otherwise be in the code 16 times.
  for (var m = first + r; m < min(first + M, pixels); m += ROWS) {
    let i = f.x + p.sh * (m / size.z % size.y);
    let j = f.y + p.sw * (m % size.z);
    if (i < p.Ho && j < p.Wo) {
      let row = ((block * p.N + m / (size.y * size.z)) * p.Ho + i) * p.Wo + j;
      store(p.y_offset + row * p.y_stride, e, n0);
      if (WIDE) { store(p.y_offset + row * p.y_stride, e + N / 2u, m0); }
    }
    n0 = n1; n1 = n2; n2 = n3; n3 = n4; n4 = n5; n5 = n6; n6 = n7;
    m0 = m1; m1 = m2; m2 = m3; m3 = m4; m4 = m5; m5 = m6; m6 = m7;
  }
}
