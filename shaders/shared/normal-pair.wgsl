// The Box–Muller method turns two uniform words into two independent standard normal numbers √(−2 ln u)·(cos φ, sin φ)
// with u in (0, 1] and φ in [−π, π).
fn normal_pair(a: u32, b: u32) -> vec2f {
  let u = (f32(a >> 8u) + 1.0) / 16777216.0;
  let phi = 6.283185307179586 * (f32(b >> 8u) / 16777216.0 - 0.5);
  return sqrt(max(0.0, -2.0 * log(u))) * vec2f(cos(phi), sin(phi));
}
