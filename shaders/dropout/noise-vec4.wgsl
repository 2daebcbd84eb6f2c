// y[r, c] = a random number, uniform in [0, 1) or (normal = 1) standard normal, four channels at a time: channels,
// stride and offset are multiples of 4.
// Element i = row·channels + channel takes word i mod 4 of Philox under the counter (start + i / 4, stream, step low,
// step high) and the key (seed low, seed high); state holds seed low, seed high, step low, step high.
struct Params { count: u32, channels: u32, stream: u32, start: u32, normal: u32, y_offset: u32, y_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> state: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

// #import philox
// #import normal-pair

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let quad = id.y * groups.x * 64u + id.x;
  if (quad >= p.count) { return; }
  let words = philox(vec4u(p.start + quad, p.stream, state[2], state[3]), vec2u(state[0], state[1]));
  var value = vec4f(words >> vec4u(8u)) / 16777216.0;
  if (p.normal == 1u) { value = vec4f(normal_pair(words.x, words.y), normal_pair(words.z, words.w)); }
  y[(p.y_offset + 4u * quad / p.channels * p.y_stride + 4u * quad % p.channels) / 4u] = value;
}
