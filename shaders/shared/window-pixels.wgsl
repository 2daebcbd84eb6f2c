// These functions find where the windows of four neighbouring output pixels of a convolution lie in x.
// Origin holds the first row of their images and the position of tap (0, 0) in them. Left of and above the image,
// positions wrap to large numbers, so one comparison checks both ends.
struct Origin { image: vec4u, i: vec4u, j: vec4u }
fn origin(first: u32) -> Origin {
  let row = min(first + vec4u(0, 1, 2, 3), vec4u(p.pixels - 1u));
  return Origin(row / (p.Ho * p.Wo) * p.H, row / p.Wo % p.Ho * p.sh - p.top, row % p.Wo * p.sw - p.left);
}
// These functions take the pixels `down` rows and `right` columns from tap (0, 0).
fn inside(a: Origin, down: u32, right: u32) -> vec4<bool> {
  return (a.i + down < vec4u(p.H)) & (a.j + right < vec4u(p.W));
}
fn address(a: Origin, down: u32, right: u32, within: vec4<bool>) -> vec4u {
  return select(vec4u(), p.x_offset + ((a.image + a.i + down) * p.W + a.j + right) * p.x_stride, within);
}
