// Inverse scale and coefficient k of the gradient. Channel mode: 1/√(σ² + ε), its square. Sample mode: 1/(σ + ε), that
// by σ.
fn scales(variance: vec4f) -> array<vec4f, 2> {
  if (p.sample == 0u) {
    let inverse = inverseSqrt(variance + p.epsilon);
    return array(inverse, inverse * inverse);
  }
  let sigma = sqrt(variance);
  let inverse = 1.0 / (sigma + p.epsilon);
  return array(inverse, select(vec4f(), inverse / sigma, sigma > vec4f()));
}
