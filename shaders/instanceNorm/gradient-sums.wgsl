// sums[n, ·, g] = Σ gy, Σ gy·(x − μ) over the group, from partial[n, j, l], chunks j in order: one invocation per image
// n and lane l. A lane has four groups of one channel each, or (sample mode) the four channels are joined.
struct Params { count: u32, lanes: u32, chunks: u32, norm_groups: u32, sample: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> partial: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let t = id.y * groups.x * 64u + id.x;
  if (t >= p.count) { return; }
  let l = t % p.lanes;
  let n = t / p.lanes;
  var sum = vec4f();
  var product = vec4f();
  for (var j = 0u; j < p.chunks; j++) {
    let at = 2u * ((n * p.chunks + j) * p.lanes + l);
    sum += partial[at];
    product += partial[at + 1u];
  }
  if (p.sample == 1u) {
    sum = vec4f(dot(sum, vec4f(1.0)));
    product = vec4f(dot(product, vec4f(1.0)));
  }
  for (var i = 0u; i < min(4u, p.norm_groups); i++) {
    sums[2u * n * p.norm_groups + 4u * l + i] = sum[i];
    sums[(2u * n + 1u) * p.norm_groups + 4u * l + i] = product[i];
  }
}
