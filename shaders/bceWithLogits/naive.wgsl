// y = 1/n · Σ_i [softplus(x_i) − label·x_i], x = logits, in one invocation; element i lies in row i / channels, channel
// i % channels.
struct Params { count: u32, channels: u32, factor: f32, label: f32, logits_offset: u32, logits_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// max(x, 0) − label·x + log(1 + e), e = e⁻|ˣ|: softplus(x) − label·x without overflow or cancellation. The logarithm is
// s·(1 + t/3 + t²/5 + …), s = 2e / (2 + e), t = s²/4 ≤ 1/9, in which no digit of a small e is lost. The first two are one
// product, taken as 0 where its factor is: at an infinite x on the side of the label. NaN is told by its bits.
fn term(x: f32) -> f32 {
  let e = exp(-abs(x));
  let s = e / (1.0 + 0.5 * e);
  let t = 0.25 * s * s;
  let series = 1.0 + t / 3.0 + t * t * (0.2 + t / 7.0 + t * t * (1.0 / 9.0 + t / 11.0 + t * t / 13.0));
  let factor = f32(x > 0.0) - p.label;
  let value = select(factor * x, 0.0, factor == 0.0) + s * series;
  return select(value, x, (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u);
}

@compute @workgroup_size(1)
fn main() {
  var sum = 0.0;
  for (var i = 0u; i < p.count; i++) {
    sum += term(logits[p.logits_offset + i / p.channels * p.logits_stride + i % p.channels]);
  }
  y[0] = p.factor * sum;
}
