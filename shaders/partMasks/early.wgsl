// The kernel draws masks of convex parts as bits. Bit h of y[n, i, j] is set iff a·x + b·y + c ≥ −0.001 for all four
// half-planes of part h, at the pixel's place in the full-resolution image. One invocation computes four neighbouring
// pixels of a row. It reads each half-plane once for all of them, and goes on to the next part as soon as all four
// pixels are outside this one.
struct Params { count: u32, width: u32, height: u32, runs: u32, parts: u32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> planes: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let k = id.y * groups.x * 64u + id.x;
  if (k >= p.count) { return; }
  let row = k / p.runs;
  let column = 4u * (k % p.runs);
  let n = row / p.height;
  let half = 0.5 * (p.scale - 1.0);
  let px = p.scale * (f32(column) + vec4f(0.0, 1.0, 2.0, 3.0)) + half;
  let py = p.scale * f32(row % p.height) + half;
  var bits = vec4u();
  for (var h = 0u; h < p.parts; h++) {
    let first = (n * p.parts + h) * 12u;
    var inside = vec4<bool>(true);
    for (var e = first; e < first + 12u; e += 3u) {
      inside = inside & (planes[e] * px + planes[e + 1u] * py + planes[e + 2u] >= vec4f(-1e-3));
      if (!any(inside)) { break; }
    }
    bits |= select(vec4u(), vec4u(1u << h), inside);
  }
  for (var q = 0u; q < min(4u, p.width - column); q++) { y[row * p.width + column + q] = bits[q]; }
}
