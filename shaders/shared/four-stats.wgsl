// stats[at …] of a lane's four channels, or four times that of the sample.
fn four_stats(at: u32) -> vec4f {
  if (p.sample == 1u) { return vec4f(stats[at]); }
  return vec4f(stats[at], stats[at + 1u], stats[at + 2u], stats[at + 3u]);
}
