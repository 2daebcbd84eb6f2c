// An image is seen as mid × lanes vectors of four channels, quads = channels / 4 of them in a row. Channel mode has
// `quads` lanes, so that each lane has its own four channels; sample mode has one lane. vector returns the place of
// vector m of lane l in image n.
struct Vector { row: u32, quad: u32 }

fn vector(n: u32, m: u32, l: u32) -> Vector {
  let q = m * p.lanes + l;
  return Vector(n * p.pixels + q / p.quads, q % p.quads);
}
