// Element i of a resized axis lies between the elements `first` and `second` of the original one. `weight` is the weight of
// `second`.
struct Between { first: u32, second: u32, weight: f32 }
fn between(i: u32, step: f32, size: u32) -> Between {
  if (p.bilinear == 0u) {
    let at = min(u32(f32(i) * step), size - 1u);
    return Between(at, at, 0.0);
  }
  let at = max(step * (f32(i) + p.shift) - p.shift, 0.0);
  let first = min(u32(at), size - 1u);
  return Between(first, min(first + 1u, size - 1u), clamp(at - f32(first), 0.0, 1.0));
}
