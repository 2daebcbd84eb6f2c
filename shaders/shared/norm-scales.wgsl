// Returns the inverse scale and the coefficient k of the gradient. In channel mode these are 1/√(σ² + ε) and its
// square; in sample mode they are 1/(σ + ε) and that divided by σ, or 0 where σ is 0.
fn scales(variance: vec4f) -> array<vec4f, 2> {
  if (p.sample == 0u) {
    let inverse = inverseSqrt(variance + p.epsilon);
    return array(inverse, inverse * inverse);
  }
  let sigma = sqrt(variance);
  let inverse = 1.0 / (sigma + p.epsilon);
  return array(inverse, select(vec4f(), inverse / sigma, sigma > vec4f()));
}
