// y = γ_g·inverse·(x − μ) + β_g, computed from the means and squares of the chunks, four channels at a time. One
// invocation computes chunk j of lane l in image n. Vectors, lanes and chunks are those of partial.wgsl.
// Every invocation combines all chunks of its lane in order, since they are few. If chunk j has c_j elements, the mean
// μ_j and the sum of squared deviations S_j, then (Chan et al.) μ = μ_0 + Σ c_j (μ_j − μ_0) / Σ c_j and S = Σ S_j + c_j
// (μ_j − μ)². In sample mode the four channels are combined the same way. stats[n, ·, g] = mean, inverse scale,
// coefficient k.
override WIDTH: u32 = 64u;
struct Params {
  count: u32, mid: u32, lanes: u32, chunks: u32, quads: u32, pixels: u32, norm_groups: u32, sample: u32, epsilon: f32,
  x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> partial: array<vec4f>;
@group(0) @binding(3) var<storage, read> gamma: array<f32>;
@group(0) @binding(4) var<storage, read> beta: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> stats: array<f32>;

// #import norm-vectors
// #import norm-stats
// #import four-gamma
// #import four-beta

@compute @workgroup_size(WIDTH)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let t = id.y * groups.x * WIDTH + id.x;
  if (t >= p.count) { return; }
  let l = t % p.lanes;
  let j = t / p.lanes % p.chunks;
  let n = t / p.lanes / p.chunks;
  let first = partial[2u * (n * p.chunks * p.lanes + l)];
  var apart = vec4f();
  for (var i = 0u; i < p.chunks; i++) {
    let in_chunk = f32((p.mid - i + p.chunks - 1u) / p.chunks);
    apart += in_chunk * (partial[2u * ((n * p.chunks + i) * p.lanes + l)] - first);
  }
  let mean = first + apart / f32(p.mid);
  var squares = vec4f();
  for (var i = 0u; i < p.chunks; i++) {
    let in_chunk = f32((p.mid - i + p.chunks - 1u) / p.chunks);
    let at = 2u * ((n * p.chunks + i) * p.lanes + l);
    let d = partial[at] - mean;
    squares += partial[at + 1u] + in_chunk * d * d;
  }
  let norm = norm_of(mean, squares / f32(p.mid));
  if (j == 0u) { put_stats(n, l, norm); }
  let scale = four_gamma(4u * l) * norm.inverse;
  let shift = four_beta(4u * l);
  for (var m = j; m < p.mid; m += p.chunks) {
    let v = vector(n, m, l);
    let value = x[(p.x_offset + v.row * p.x_stride) / 4u + v.quad];
    y[(p.y_offset + v.row * p.y_stride) / 4u + v.quad] = scale * (value - norm.mean) + shift;
  }
}
