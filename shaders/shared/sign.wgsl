// The sign: 1, −1 or 0, which NaN has, too. For 0 < v ≤ ∞ the bits − 1 are less than 0x7f800000, for −∞ ≤ v < 0 the
// bits − 0x80000001 are.
fn sign_of(v: f32) -> f32 {
  let bits = bitcast<u32>(v);
  return f32(bits - 1u < 0x7f800000u) - f32(bits - 0x80000001u < 0x7f800000u);
}
fn signs_of(v: vec4f) -> vec4f {
  let bits = bitcast<vec4u>(v);
  return vec4f(bits - 1u < vec4u(0x7f800000u)) - vec4f(bits - 0x80000001u < vec4u(0x7f800000u));
}
