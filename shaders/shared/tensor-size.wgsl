// Returns the size of tensor k of six.
fn size(k: u32) -> u32 {
  switch k {
    case 0u: { return p.n0; }
    case 1u: { return p.n1; }
    case 2u: { return p.n2; }
    case 3u: { return p.n3; }
    case 4u: { return p.n4; }
    default: { return p.n5; }
  }
}
