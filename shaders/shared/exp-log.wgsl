// This exponential and this logarithm preserve NaN, which those of WGSL need not do.
// #import nan
fn exp_of(v: f32) -> f32 { return select(exp(v), v, is_nan(v)); }
fn log_of(v: f32) -> f32 { return select(log(v), v, is_nan(v)); }
