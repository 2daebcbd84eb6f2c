// What to multiply values of this norm by so that their norm is at most `most`: most / norm or 1; NaN for NaN.
fn clip_scale(norm: f32, most: f32) -> f32 {
  if (is_nan(norm)) { return norm; }
  return select(1.0, most / norm, norm > most);
}
