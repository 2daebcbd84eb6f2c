// beta[at …] of a lane's four channels, or four times that of the sample.
fn four_beta(at: u32) -> vec4f {
  if (p.sample == 1u) { return vec4f(beta[at]); }
  return vec4f(beta[at], beta[at + 1u], beta[at + 2u], beta[at + 3u]);
}
