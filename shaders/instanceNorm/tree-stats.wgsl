// stats[n, ·, g] = mean, inverse scale, coefficient k, computed from the chunks. One workgroup computes lane l of image
// n. Chunk j consists of ROWS neighbouring vectors m out of every chunks · ROWS. Invocation i combines the chunks i,
// i + 32, … in order; then the results are combined as in tree-partial.wgsl. In sample mode the four channels are
// combined the same way.
override ROWS: u32 = 16u;
struct Params { mid: u32, lanes: u32, chunks: u32, norm_groups: u32, sample: u32, epsilon: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> partial: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> stats: array<f32>;

// Moments hold the mean, the sum of squared deviations and the number of elements.
struct Moments { mean: vec4f, squares: vec4f, count: f32 }
var<workgroup> shared_moments: array<Moments, 32>;

fn join(a: Moments, b: Moments) -> Moments {
  if (b.count == 0.0) { return a; }
  let count = a.count + b.count;
  let d = b.mean - a.mean;
  return Moments(
    a.mean + d * (b.count / count), a.squares + b.squares + d * d * (a.count * b.count / count), count,
  );
}

fn elements(j: u32) -> f32 {
  let turns = p.mid / (p.chunks * ROWS);
  let rest = p.mid % (p.chunks * ROWS);
  return f32(turns * ROWS + min(ROWS, max(rest, j * ROWS) - j * ROWS));
}

// #import norm-stats

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) me: u32) {
  let l = group.x;
  let n = group.y;
  var sum = Moments(vec4f(), vec4f(), 0.0);
  for (var j = me; j < p.chunks; j += 32u) {
    let at = 2u * ((n * p.chunks + j) * p.lanes + l);
    sum = join(sum, Moments(partial[at], partial[at + 1u], elements(j)));
  }
  shared_moments[me] = sum;
  for (var half = 16u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (me < half) {
      sum = join(sum, shared_moments[me + half]);
      shared_moments[me] = sum;
    }
  }
  if (me > 0u) { return; }
  put_stats(n, l, norm_of(sum.mean, sum.squares / f32(p.mid)));
}
