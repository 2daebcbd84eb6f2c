// The taps that the output pixels of one phase of a transposed convolution have: rows u = first.x + uh·t from row
// h = at.x + r − bh·t of x, t = 0, 1, …, for row r of the phase; likewise columns. For b = f + top, f being the first row of
// the phase, u·dh ≡ b (mod sh). With g the greatest common divisor of dh and sh, there are such u if g divides b:
// u ≡ b/g · i (mod uh), uh = sh/g, i being the inverse of bh = dh/g. Without dilation first and at are remainder and
// quotient of b / sh.
struct Taps { first: vec2u, at: vec2u }
fn taps(f: vec2u) -> Taps {
  let b = f + vec2u(p.top, p.left);
  let g = vec2u(p.gh, p.gw);
  let step = vec2u(p.uh, p.uw);
  let first = select(vec2u(p.KH, p.KW), b / g % step * vec2u(p.ih, p.iw) % step, b % g == vec2u());
  // Above and left of the image it is negative, and wraps to a large number.
  let at = vec2u((vec2i(b) - vec2i(first * vec2u(p.dh, p.dw))) / vec2i(vec2u(p.sh, p.sw)));
  return Taps(first, at);
}
