// Returns element i of tensor k of six.
fn element(k: u32, i: u32) -> f32 {
  switch k {
    case 0u: { return x0[i]; }
    case 1u: { return x1[i]; }
    case 2u: { return x2[i]; }
    case 3u: { return x3[i]; }
    case 4u: { return x4[i]; }
    default: { return x5[i]; }
  }
}
