// sums[n, ·, g] = Σ gy, Σ gy·(x − μ) over the group, computed from partial[n, j, l]. One workgroup computes lane l of
// image n. Invocation i adds the chunks i, i + 32, … in order; then the sums are added, the upper half to the lower
// half in each step. A lane has four groups of one channel each; in sample mode its four channels are added up.
struct Params { lanes: u32, chunks: u32, norm_groups: u32, sample: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> partial: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;

var<workgroup> all_sums: array<vec4f, 32>;
var<workgroup> all_products: array<vec4f, 32>;

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) me: u32) {
  let l = group.x;
  let n = group.y;
  var sum = vec4f();
  var product = vec4f();
  for (var j = me; j < p.chunks; j += 32u) {
    let at = 2u * ((n * p.chunks + j) * p.lanes + l);
    sum += partial[at];
    product += partial[at + 1u];
  }
  all_sums[me] = sum;
  all_products[me] = product;
  for (var half = 16u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (me < half) {
      all_sums[me] += all_sums[me + half];
      all_products[me] += all_products[me + half];
    }
  }
  if (me > 0u) { return; }
  sum = all_sums[0];
  product = all_products[0];
  if (p.sample == 1u) {
    sum = vec4f(dot(sum, vec4f(1.0)));
    product = vec4f(dot(product, vec4f(1.0)));
  }
  for (var i = 0u; i < min(4u, p.norm_groups); i++) {
    sums[2u * n * p.norm_groups + 4u * l + i] = sum[i];
    sums[(2u * n + 1u) * p.norm_groups + 4u * l + i] = product[i];
  }
}
