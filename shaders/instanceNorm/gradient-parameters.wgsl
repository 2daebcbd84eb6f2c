// gγ_g = Σ_n inverse[n, g]·Σ gy·(x − μ), gβ_g = Σ_n Σ gy. One invocation computes one group and adds the images in
// order.
// stats[n, ·, g] = mean, inverse scale, coefficient k; sums[n, ·, g] = Σ gy, Σ gy·(x − μ).
struct Params { images: u32, norm_groups: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> stats: array<f32>;
@group(0) @binding(2) var<storage, read> sums: array<f32>;
@group(0) @binding(3) var<storage, read_write> ggamma: array<f32>;
@group(0) @binding(4) var<storage, read_write> gbeta: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let g = id.x;
  if (g >= p.norm_groups) { return; }
  var gamma_sum = 0.0;
  var beta_sum = 0.0;
  for (var n = 0u; n < p.images; n++) {
    gamma_sum += stats[(3u * n + 1u) * p.norm_groups + g] * sums[(2u * n + 1u) * p.norm_groups + g];
    beta_sum += sums[2u * n * p.norm_groups + g];
  }
  ggamma[g] = gamma_sum;
  gbeta[g] = beta_sum;
}
