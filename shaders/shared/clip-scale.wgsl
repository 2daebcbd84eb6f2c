// Returns the factor that limits values with this norm to the norm `most`: most / norm or 1, and NaN for NaN.
fn clip_scale(norm: f32, most: f32) -> f32 {
  if (is_nan(norm)) { return norm; }
  return select(1.0, most / norm, norm > most);
}
