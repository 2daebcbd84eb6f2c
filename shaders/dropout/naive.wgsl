// y[r, c] = factor · x[r, c] where a random number of 24 bits is at least threshold, else 0, where
// factor = 1 / (1 − rate) and threshold = 2²⁴·rate.
// Element i = row·channels + channel takes word i mod 4 of Philox under the counter (start + i / 4, stream, step low,
// step high) and the key (seed low, seed high); state holds seed low, seed high, step low, step high.
struct Params {
  count: u32, channels: u32, stream: u32, start: u32, threshold: u32, factor: f32,
  x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> state: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// #import philox

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= p.count) { return; }
  let words = philox(vec4u(p.start + i / 4u, p.stream, state[2], state[3]), vec2u(state[0], state[1]));
  let r = i / p.channels;
  let c = i % p.channels;
  let kept = words[i % 4u] >> 8u >= p.threshold;
  y[p.y_offset + r * p.y_stride + c] = x[p.x_offset + r * p.x_stride + c] * select(0.0, p.factor, kept);
}
