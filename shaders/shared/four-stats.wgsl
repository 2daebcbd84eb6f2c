// Returns stats[at … at + 3], those of a lane's four channels, or in sample mode four copies of stats[at].
fn four_stats(at: u32) -> vec4f {
  if (p.sample == 1u) { return vec4f(stats[at]); }
  return vec4f(stats[at], stats[at + 1u], stats[at + 2u], stats[at + 3u]);
}
