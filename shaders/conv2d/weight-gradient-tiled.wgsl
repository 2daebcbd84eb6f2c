// partials[z, u, v, c, o] = Σ x[n, i·sh + u·dh − top, j·sw + v·dw − left, c] · gy[n, i, j, o]
// over the z-th chunk of the pixels k = (n·Ho + i)·Wo + j of gy, where x is 0 outside the image. The chunks are added
// afterwards in order. Here n is the image, (i, j) the pixel of gy, (u, v) the tap, and c and o are channels of x and
// gy.
// This is the product of a matrix of (tap, c) × pixels, which is never stored, and one of pixels × o. A workgroup
// computes M (tap, c) × N o, and an invocation 8 × WIDTH. A step is eight pixels. While one step is multiplied, the
// next one moves from storage to registers and then to the other half of workgroup memory, so a step needs only one
// barrier.
// #import tile-size

struct Params {
  N: u32, H: u32, W: u32, C: u32, Ho: u32, Wo: u32, O: u32, KH: u32, KW: u32, sh: u32, sw: u32, dh: u32, dw: u32, top: u32, left: u32,
  chunk: u32, x_offset: u32, x_stride: u32, gy_offset: u32, gy_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> gy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4f>;

// Each half holds eight pixels: the four rows h·M/2 + 4r … of pixel k at xs[k][h][r], and its four o h·N/2 + 4c … at
// gs[k][h][c]. Neighbouring invocations read neighbouring memory banks, or the same address.
var<workgroup> xs: array<array<array<array<vec4f, ROWS>, 2>, 8>, 2>;
var<workgroup> gs: array<array<array<array<vec4f, COLUMNS>, HALVES>, 8>, 2>;

// SPREAD holds the distances of a group's four rows where they may lie in different taps. The functions access four
// values of x at elements e, and of gy and partials from element e on, of which `left` exist. All are replaced where
// the number of channels is not a multiple of four.
const SPREAD = vec4u();
fn x4(e: vec4u, within: vec4<bool>) -> vec4f { return x[e.x / 4u]; }
fn gy4(e: u32, left: u32) -> vec4f { return gy[e / 4u]; }
fn setPartials(e: u32, left: u32, v: vec4f) { partials[e / 4u] = v; }

@compute @workgroup_size(T)
fn main(
  @builtin(local_invocation_index) t: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let rows = p.KH * p.KW * p.C;
  let tile = group.y * groups.x + group.x;
  let across = (p.O + N - 1u) / N;
  let first = tile / across * M;
  if (first >= rows) { return; }
  // This invocation multiplies these rows and columns; 32 neighbours share 4 groups of rows and 8 columns.
  let column = t % 8u + t / 32u % (COLUMNS / 8u) * 8u;
  let r = t / 8u % 4u + t / 32u / (COLUMNS / 8u) * 4u;
  // It loads four rows of one or two pixels of the step from x.
  let k = t / (M / 4u);
  let quad = t % (M / 4u);
  let row = min(first + 4u * quad + SPREAD, vec4u(rows - 1u));
  let c = row % p.C;
  let u = row / p.C / p.KW * p.dh - p.top;
  let v = row / p.C % p.KW * p.dw - p.left;
  // It loads four o of one or two pixels from gy.
  let kg = t / (N / 4u);
  let og = t % (N / 4u);
  let o = tile % across * N + 4u * og;
  let start = group.z * p.chunk * 8u;
  let end = min(start + p.chunk * 8u, p.N * p.Ho * p.Wo);
  var n = (start + k + vec2u(0, 4)) / (p.Ho * p.Wo);
  var i = (start + k + vec2u(0, 4)) / p.Wo % p.Ho;
  var j = (start + k + vec2u(0, 4)) % p.Wo;
  // The position advances by eight pixels. Its parts are the digits of a number whose places are worth Ho·Wo, Wo and 1.
  let next = vec3u(8u / (p.Ho * p.Wo), 8u / p.Wo % p.Ho, 8u % p.Wo);
  var n0 = vec4f(); var n1 = vec4f(); var n2 = vec4f(); var n3 = vec4f();
  var n4 = vec4f(); var n5 = vec4f(); var n6 = vec4f(); var n7 = vec4f();
  var m0 = vec4f(); var m1 = vec4f(); var m2 = vec4f(); var m3 = vec4f();
  var m4 = vec4f(); var m5 = vec4f(); var m6 = vec4f(); var m7 = vec4f();
  for (var pixel0 = start; pixel0 < end + 8u; pixel0 += 8u) {
    var x0 = vec4f(); var x1 = vec4f(); var g0 = vec4f(); var g1 = vec4f();
    if (pixel0 < end) {
      // Above and left of the image, positions wrap to large numbers, so one comparison checks both ends.
      let h = i.x * p.sh + u;
      let l = j.x * p.sw + v;
      let within = (h < vec4u(p.H)) & (l < vec4u(p.W)) & vec4<bool>(pixel0 + k < end);
      let at = p.x_offset + ((n.x * p.H + h) * p.W + l) * p.x_stride + c;
      if (any(within)) { x0 = x4(select(vec4u(), at, within), within); }
      if (2u * M > T) {
        let h1 = i.y * p.sh + u;
        let l1 = j.y * p.sw + v;
        let within1 = (h1 < vec4u(p.H)) & (l1 < vec4u(p.W)) & vec4<bool>(pixel0 + k + 4u < end);
        let at1 = p.x_offset + ((n.y * p.H + h1) * p.W + l1) * p.x_stride + c;
        if (any(within1)) { x1 = x4(select(vec4u(), at1, within1), within1); }
      }
      let pixel = pixel0 + kg;
      let e = p.gy_offset + pixel * p.gy_stride + o;
      if ((kg < 8u) & (pixel < end) & (o < p.O)) { g0 = gy4(e, p.O - o); }
      if (2u * N > T && ((pixel + 4u < end) & (o < p.O))) { g1 = gy4(e + 4u * p.gy_stride, p.O - o); }
      j += next.z;
      let line = j >= vec2u(p.Wo);
      j -= select(vec2u(), vec2u(p.Wo), line);
      i += next.y + select(vec2u(), vec2u(1), line);
      let image = i >= vec2u(p.Ho);
      i -= select(vec2u(), vec2u(p.Ho), image);
      n += next.x + select(vec2u(), vec2u(1), image);
    }
    if (pixel0 > start) {
      let b = (pixel0 / 8u + 1u) % 2u;
      for (var q = 0u; q < 8u; q++) {
        let f = gs[b][q][0][column];
        let g = gs[b][q][FAR][column];
        let a = xs[b][q][0][r];
        let e = xs[b][q][1][r];
        n0 = fma(vec4f(a.x), f, n0); n1 = fma(vec4f(a.y), f, n1);
        n2 = fma(vec4f(a.z), f, n2); n3 = fma(vec4f(a.w), f, n3);
        n4 = fma(vec4f(e.x), f, n4); n5 = fma(vec4f(e.y), f, n5);
        n6 = fma(vec4f(e.z), f, n6); n7 = fma(vec4f(e.w), f, n7);
        if (WIDE) {
          m0 = fma(vec4f(a.x), g, m0); m1 = fma(vec4f(a.y), g, m1);
          m2 = fma(vec4f(a.z), g, m2); m3 = fma(vec4f(a.w), g, m3);
          m4 = fma(vec4f(e.x), g, m4); m5 = fma(vec4f(e.y), g, m5);
          m6 = fma(vec4f(e.z), g, m6); m7 = fma(vec4f(e.w), g, m7);
        }
      }
    }
    if (pixel0 < end) {
      let b = pixel0 / 8u % 2u;
      xs[b][k][quad / ROWS][quad % ROWS] = x0;
      if (2u * M > T) { xs[b][k + 4u][quad / ROWS][quad % ROWS] = x1; }
      if (kg < 8u) { gs[b][kg][og / COLUMNS][og % COLUMNS] = g0; }
      if (2u * N > T) { gs[b][kg + 4u][og / COLUMNS][og % COLUMNS] = g1; }
    }
    workgroupBarrier();
  }
  let l = tile % across * N + 4u * column;
  // This is a loop, because fused activations would otherwise be in the code 16 times.
  for (var e = 0u; e < 8u; e++) {
    let m = first + e / 4u * (M / 2u) + 4u * r + e % 4u;
    if (m >= rows) { break; }
    let to = (group.z * rows + m) * p.O + l;
    if (l < p.O) { setPartials(to, p.O - l, n0); }
    if (WIDE && l + N / 2u < p.O) { setPartials(to + N / 2u, p.O - l - N / 2u, m0); }
    n0 = n1; n1 = n2; n2 = n3; n3 = n4; n4 = n5; n5 = n6; n6 = n7;
    m0 = m1; m1 = m2; m2 = m3; m3 = m4; m4 = m5; m5 = m6; m6 = m7;
  }
}
