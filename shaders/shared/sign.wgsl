// These functions return the sign of v as 1, −1 or 0; the sign of NaN is 0. They compare bits: bits − 1 is less than
// 0x7f800000 for 0 < v ≤ ∞ alone, and bits − 0x80000001 is for −∞ ≤ v < 0 alone.
fn sign_of(v: f32) -> f32 {
  let bits = bitcast<u32>(v);
  return f32(bits - 1u < 0x7f800000u) - f32(bits - 0x80000001u < 0x7f800000u);
}
fn signs_of(v: vec4f) -> vec4f {
  let bits = bitcast<vec4u>(v);
  return vec4f(bits - 1u < vec4u(0x7f800000u)) - vec4f(bits - 0x80000001u < vec4u(0x7f800000u));
}
