// The kernel computes the mean and the sum of squared deviations of each chunk j of lane l in image n by Welford's
// recurrence, four channels at a time.
// An image is seen as mid × lanes vectors of four channels (shared/norm-vectors.wgsl). Chunk j of a lane is
// m = j, j + chunks, j + 2·chunks, ….
// partial[n, j, l] = mean, squares.
override WIDTH: u32 = 64u;
struct Params { count: u32, mid: u32, lanes: u32, chunks: u32, quads: u32, pixels: u32, x_offset: u32, x_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> partial: array<vec4f>;

// #import norm-vectors

@compute @workgroup_size(WIDTH)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let t = id.y * groups.x * WIDTH + id.x;
  if (t >= p.count) { return; }
  let l = t % p.lanes;
  let j = t / p.lanes % p.chunks;
  let n = t / p.lanes / p.chunks;
  var seen = 0.0;
  var mean = vec4f();
  var squares = vec4f();
  for (var m = j; m < p.mid; m += p.chunks) {
    let v = vector(n, m, l);
    let value = x[(p.x_offset + v.row * p.x_stride) / 4u + v.quad];
    seen += 1.0;
    let d = value - mean;
    mean += d / seen;
    squares += d * (value - mean);
  }
  partial[2u * t] = mean;
  partial[2u * t + 1u] = squares;
}
