// Exponential and logarithm that let NaN through, which those of WGSL need not.
// #import nan
fn exp_of(v: f32) -> f32 { return select(exp(v), v, is_nan(v)); }
fn log_of(v: f32) -> f32 { return select(log(v), v, is_nan(v)); }
