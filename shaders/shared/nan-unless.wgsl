// Returns v, or NaN unless ok: all bits of the exponent are then set, and one of the fraction.
fn nan_unless(ok: bool, v: f32) -> f32 { return bitcast<f32>(bitcast<u32>(v) | select(0x7fc00000u, 0u, ok)); }
