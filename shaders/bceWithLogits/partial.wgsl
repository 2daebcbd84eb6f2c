// partial[j] = Σ [softplus(x_i) − label·x_i] over i = j, j + chunks, …, x = logits: one invocation per partial sum.
// Element i lies in row i / channels, channel i % channels; neighbouring invocations read neighbouring elements.
struct Params { count: u32, chunks: u32, channels: u32, label: f32, logits_offset: u32, logits_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> partial: array<f32>;

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

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let j = id.y * groups.x * 64u + id.x;
  if (j >= p.chunks) { return; }
  var sum = 0.0;
  for (var i = j; i < p.count; i += p.chunks) {
    sum += term(logits[p.logits_offset + i / p.channels * p.logits_stride + i % p.channels]);
  }
  partial[j] = sum;
}
