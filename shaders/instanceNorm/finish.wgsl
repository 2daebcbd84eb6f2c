// y = γ_g·inverse·(x − μ) + β_g, four channels at a time, from the mean and squares of the chunks: one invocation per
// chunk j of lane l in image n. Vectors, lanes and chunks as in partial.wgsl.
// Every invocation joins all chunks of its lane, which are few: with c_j elements, mean μ_j and squares S_j in chunk j
// (Chan et al.) μ = μ_0 + Σ c_j (μ_j − μ_0) / Σ c_j and S = Σ S_j + c_j (μ_j − μ)², chunks in order; in sample mode the
// four channels are joined the same way. stats[n, ·, g] = mean, inverse scale, coefficient k.
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

// Inverse scale and coefficient k of the gradient. Channel mode: 1/√(σ² + ε), its square. Sample mode: 1/(σ + ε), that
// by σ.
fn scales(variance: vec4f) -> array<vec4f, 2> {
  if (p.sample == 0u) {
    let inverse = inverseSqrt(variance + p.epsilon);
    return array(inverse, inverse * inverse);
  }
  let sigma = sqrt(variance);
  let inverse = 1.0 / (sigma + p.epsilon);
  return array(inverse, select(vec4f(), inverse / sigma, sigma > vec4f()));
}
// The values of a lane's four channels, or four times that of the sample.
fn four_gamma(at: u32) -> vec4f {
  if (p.sample == 1u) { return vec4f(gamma[at]); }
  return vec4f(gamma[at], gamma[at + 1u], gamma[at + 2u], gamma[at + 3u]);
}
fn four_beta(at: u32) -> vec4f {
  if (p.sample == 1u) { return vec4f(beta[at]); }
  return vec4f(beta[at], beta[at + 1u], beta[at + 2u], beta[at + 3u]);
}

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
  var mean = first + apart / f32(p.mid);
  var squares = vec4f();
  for (var i = 0u; i < p.chunks; i++) {
    let in_chunk = f32((p.mid - i + p.chunks - 1u) / p.chunks);
    let at = 2u * ((n * p.chunks + i) * p.lanes + l);
    let d = partial[at] - mean;
    squares += partial[at + 1u] + in_chunk * d * d;
  }
  var variance = squares / f32(p.mid);
  if (p.sample == 1u) {
    let joint = mean.x + dot(mean - mean.x, vec4f(0.25));
    let d = mean - joint;
    variance = vec4f(dot(variance + d * d, vec4f(0.25)));
    mean = vec4f(joint);
  }
  let s = scales(variance);
  for (var i = 0u; i < min(4u, p.norm_groups) && j == 0u; i++) {
    let g = 4u * l + i;
    stats[(3u * n) * p.norm_groups + g] = mean[i];
    stats[(3u * n + 1u) * p.norm_groups + g] = s[0][i];
    stats[(3u * n + 2u) * p.norm_groups + g] = s[1][i];
  }
  let scale = four_gamma(4u * l) * s[0];
  let shift = four_beta(4u * l);
  for (var m = j; m < p.mid; m += p.chunks) {
    let q = m * p.lanes + l;
    let row = n * p.pixels + q / p.quads;
    let value = x[(p.x_offset + row * p.x_stride) / 4u + q % p.quads];
    y[(p.y_offset + row * p.y_stride) / 4u + q % p.quads] = scale * (value - mean) + shift;
  }
}
