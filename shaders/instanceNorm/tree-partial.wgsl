// The kernel computes the mean and the sum of squared deviations of each chunk j of lane l in image n, four channels at
// a time. One workgroup computes one chunk of LANES lanes. Vectors and lanes are those of shared/norm-vectors.wgsl.
// Chunk j of a lane consists of ROWS neighbouring vectors m out of every chunks · ROWS, so that a workgroup reads
// neighbouring memory.
// Invocation (l, i) applies Welford's recurrence to every ROWS-th m of the chunk. Then the results are combined in a
// fixed order, the upper half with the lower half in each step. Results a and b of n_a and n_b elements give
// (Chan et al.) μ = μ_a + δ n_b / n and S = S_a + S_b + δ² n_a n_b / n, where n = n_a + n_b and δ = μ_b − μ_a.
// partial[n, j, l] = mean, squares.
override LANES: u32 = 16u;
override ROWS: u32 = 16u;  // a power of two
struct Params { mid: u32, lanes: u32, chunks: u32, quads: u32, pixels: u32, x_offset: u32, x_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> partial: array<vec4f>;

var<workgroup> means: array<vec4f, LANES * ROWS>;
var<workgroup> all_squares: array<vec4f, LANES * ROWS>;
var<workgroup> counts: array<f32, LANES * ROWS>;

// #import norm-vectors

@compute @workgroup_size(LANES, ROWS)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) me: u32,
) {
  let j = group.x;
  let l = group.y * LANES + local.x;
  let n = group.z;
  var seen = 0.0;
  var mean = vec4f();
  var squares = vec4f();
  for (var m = j * ROWS + local.y; m < p.mid && l < p.lanes; m += p.chunks * ROWS) {
    let v = vector(n, m, l);
    let value = x[(p.x_offset + v.row * p.x_stride) / 4u + v.quad];
    seen += 1.0;
    let d = value - mean;
    mean += d * (1.0 / seen);
    squares += d * (value - mean);
  }
  means[me] = mean;
  all_squares[me] = squares;
  counts[me] = seen;
  for (var half = ROWS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local.y < half) {
      let other = me + half * LANES;
      let more = counts[other];
      if (more > 0.0) {
        let d = means[other] - mean;
        squares += all_squares[other] + d * d * (seen * more / (seen + more));
        mean += d * (more / (seen + more));
        seen += more;
      }
      means[me] = mean;
      all_squares[me] = squares;
      counts[me] = seen;
    }
  }
  if (local.y > 0u || l >= p.lanes) { return; }
  let at = 2u * ((n * p.chunks + j) * p.lanes + l);
  partial[at] = mean;
  partial[at + 1u] = squares;
}
