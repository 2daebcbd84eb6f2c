// taps returns the taps of the output pixels of one phase of a transposed convolution: row r of the phase sums the rows
// u = first.x + uh·t of w with the rows h = at.x + r − bh·t of x for t = 0, 1, …, and columns likewise. If f is the
// first row of the phase and b = f + top, the taps are those with u·dh ≡ b (mod sh). With g the greatest common divisor
// of dh and sh, there are such u only if g divides b. They are u ≡ b/g · i (mod uh), where uh = sh/g and i is the
// inverse of bh = dh/g. Without dilation, first and at are the remainder and the quotient of b / sh.
struct Taps { first: vec2u, at: vec2u }
fn taps(f: vec2u) -> Taps {
  let b = f + vec2u(p.top, p.left);
  let g = vec2u(p.gh, p.gw);
  let step = vec2u(p.uh, p.uw);
  let first = select(vec2u(p.KH, p.KW), b / g % step * vec2u(p.ih, p.iw) % step, b % g == vec2u());
  // Above and left of the image, `at` is negative and wraps to a large number.
  let at = vec2u((vec2i(b) - vec2i(first * vec2u(p.dh, p.dw))) / vec2i(vec2u(p.sh, p.sw)));
  return Taps(first, at);
}
