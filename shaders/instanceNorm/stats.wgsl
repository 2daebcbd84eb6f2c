// stats[n, ·, g] = mean, inverse scale, coefficient k, from the chunks of each lane: one invocation per image n and
// lane l.
// With c_j elements, mean μ_j and squares S_j in chunk j (Chan et al.): μ = μ_0 + Σ c_j (μ_j − μ_0) / Σ c_j and
// S = Σ S_j + c_j (μ_j − μ)², chunks in order; in sample mode the four channels are joined the same way.
struct Params { count: u32, mid: u32, lanes: u32, chunks: u32, norm_groups: u32, sample: u32, epsilon: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> partial: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> stats: array<f32>;

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

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let t = id.y * groups.x * 64u + id.x;
  if (t >= p.count) { return; }
  let l = t % p.lanes;
  let n = t / p.lanes;
  let first = partial[2u * (n * p.chunks * p.lanes + l)];
  var shift = vec4f();
  for (var j = 0u; j < p.chunks; j++) {
    let in_chunk = f32((p.mid - j + p.chunks - 1u) / p.chunks);
    shift += in_chunk * (partial[2u * ((n * p.chunks + j) * p.lanes + l)] - first);
  }
  var mean = first + shift / f32(p.mid);
  var squares = vec4f();
  for (var j = 0u; j < p.chunks; j++) {
    let in_chunk = f32((p.mid - j + p.chunks - 1u) / p.chunks);
    let at = 2u * ((n * p.chunks + j) * p.lanes + l);
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
  for (var i = 0u; i < min(4u, p.norm_groups); i++) {
    let g = 4u * l + i;
    stats[(3u * n) * p.norm_groups + g] = mean[i];
    stats[(3u * n + 1u) * p.norm_groups + g] = s[0][i];
    stats[(3u * n + 2u) * p.norm_groups + g] = s[1][i];
  }
}
