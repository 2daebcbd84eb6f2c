// rank maps distances, which are never negative, to integers in the same order, by their bits. Every NaN gets one rank
// below all others, so the smallest rank is that of NaN if there is one.
fn rank(distance: f32) -> u32 { return max((bitcast<u32>(distance) << 1u) - 0xff000002u, 0x00fffffdu); }
fn distance_of(rank: u32) -> f32 { return bitcast<f32>((rank + 0xff000002u) >> 1u); }
