// partial[n, j, l] = Σ gy, Σ gy·(x − μ) over each chunk j of lane l in image n, four channels at a time. One workgroup
// computes one chunk of LANES lanes. Vectors and lanes are those of shared/norm-vectors.wgsl. Chunk j of a lane
// consists of ROWS neighbouring vectors m out of every chunks · ROWS, so that a workgroup reads neighbouring memory.
// Invocation (l, i) sums every ROWS-th m of the chunk; then the sums are added in a fixed order, the upper half to the
// lower half in each step.
// stats[n, ·, g] = mean, inverse scale, coefficient k.
override LANES: u32 = 16u;
override ROWS: u32 = 16u;  // a power of two
struct Params {
  mid: u32, lanes: u32, chunks: u32, quads: u32, pixels: u32, norm_groups: u32, sample: u32,
  x_offset: u32, x_stride: u32, gy_offset: u32, gy_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> stats: array<f32>;
@group(0) @binding(3) var<storage, read> gy: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> partial: array<vec4f>;

var<workgroup> sums: array<vec4f, LANES * ROWS>;
var<workgroup> products: array<vec4f, LANES * ROWS>;

// #import norm-vectors
// #import four-stats

@compute @workgroup_size(LANES, ROWS)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) me: u32,
) {
  let j = group.x;
  let l = group.y * LANES + local.x;
  let n = group.z;
  let mean = four_stats(3u * n * p.norm_groups + 4u * min(l, p.lanes - 1u));
  var sum = vec4f();
  var product = vec4f();
  for (var m = j * ROWS + local.y; m < p.mid && l < p.lanes; m += p.chunks * ROWS) {
    let v = vector(n, m, l);
    let gradient = gy[(p.gy_offset + v.row * p.gy_stride) / 4u + v.quad];
    sum += gradient;
    product += gradient * (x[(p.x_offset + v.row * p.x_stride) / 4u + v.quad] - mean);
  }
  sums[me] = sum;
  products[me] = product;
  for (var half = ROWS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local.y < half) {
      sums[me] += sums[me + half * LANES];
      products[me] += products[me + half * LANES];
    }
  }
  if (local.y > 0u || l >= p.lanes) { return; }
  let at = 2u * ((n * p.chunks + j) * p.lanes + l);
  partial[at] = sums[me];
  partial[at + 1u] = products[me];
}
