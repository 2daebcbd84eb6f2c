// A value, or NaN where it has none: all bits of an exponent set, and one of the fraction.
fn nan_unless(ok: bool, v: f32) -> f32 { return bitcast<f32>(bitcast<u32>(v) | select(0x7fc00000u, 0u, ok)); }
