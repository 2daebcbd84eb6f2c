// Returns gamma[at … at + 3], those of a lane's four channels, or in sample mode four copies of gamma[at].
fn four_gamma(at: u32) -> vec4f {
  if (p.sample == 1u) { return vec4f(gamma[at]); }
  return vec4f(gamma[at], gamma[at + 1u], gamma[at + 2u], gamma[at + 3u]);
}
