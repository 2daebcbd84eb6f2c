// Orders distances, which are 0 or more, as their bits are ordered without the sign, NaN before all of them: so the
// smallest rank is a NaN if there is one. All NaNs are equal.
fn rank(distance: f32) -> u32 { return max((bitcast<u32>(distance) << 1u) - 0xff000002u, 0x00fffffdu); }
fn distance_of(rank: u32) -> f32 { return bitcast<f32>((rank + 0xff000002u) >> 1u); }
