// These functions find what four neighbouring output pixels of one phase of a transposed convolution read of x, and
// store the results. Pixels holds their images n, and their rows r and columns s counted within the phase.
struct Pixels { n: vec4u, r: vec4u, s: vec4u }
fn pixels(first: u32) -> Pixels {
  let rows = (p.Ho + p.sh - 1u) / p.sh;
  let columns = (p.Wo + p.sw - 1u) / p.sw;
  let m = first + vec4u(0, 1, 2, 3);
  return Pixels(m / (rows * columns), m / columns % rows, m % columns);
}
// Above and left of the image, h and l have wrapped to large numbers, so one comparison checks both ends.
fn inside(a: Pixels, h: u32, l: u32) -> vec4<bool> {
  return (a.n < vec4u(p.N)) & (a.r + h < vec4u(p.H)) & (a.s + l < vec4u(p.W));
}
fn address(a: Pixels, h: u32, l: u32, within: vec4<bool>) -> vec4u {
  return select(vec4u(), p.x_offset + ((a.n * p.H + a.r + h) * p.W + a.s + l) * p.x_stride, within);
}

// Stores up to four neighbouring channels of one pixel, and adds the bias.
fn put(n: u32, i: u32, j: u32, o: u32, value: vec4f) {
  if (n >= p.N || i >= p.Ho || j >= p.Wo) { return; }
  for (var q = o; q < min(o + 4u, p.O); q++) {
    var z = value[q - o];
    if (p.biased != 0u) { z += bias[p.bias_offset + q]; }
    y[p.y_offset + ((n * p.Ho + i) * p.Wo + j) * p.y_stride + q] = z;
  }
}
