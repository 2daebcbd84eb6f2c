// Returns beta[at … at + 3], those of a lane's four channels, or in sample mode four copies of beta[at].
fn four_beta(at: u32) -> vec4f {
  if (p.sample == 1u) { return vec4f(beta[at]); }
  return vec4f(beta[at], beta[at + 1u], beta[at + 2u], beta[at + 3u]);
}
