// gamma[at …] of a lane's four channels, or four times that of the sample.
fn four_gamma(at: u32) -> vec4f {
  if (p.sample == 1u) { return vec4f(gamma[at]); }
  return vec4f(gamma[at], gamma[at + 1u], gamma[at + 2u], gamma[at + 3u]);
}
