// The kernel draws masks of convex parts as bits. Bit h of y[n, i, j] is set iff a·x + b·y + c ≥ −0.001 for all four
// half-planes of part h, at the pixel's place (s·j + (s − 1)/2, s·i + (s − 1)/2) in the full-resolution image. One
// invocation computes one pixel.
struct Params { count: u32, width: u32, pixels: u32, parts: u32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> planes: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let k = id.y * groups.x * 64u + id.x;
  if (k >= p.count) { return; }
  let n = k / p.pixels;
  let at = k % p.pixels;
  let half = 0.5 * (p.scale - 1.0);
  let px = p.scale * f32(at % p.width) + half;
  let py = p.scale * f32(at / p.width) + half;
  var bits = 0u;
  for (var h = 0u; h < p.parts; h++) {
    let first = (n * p.parts + h) * 12u;
    var inside = true;
    for (var e = first; e < first + 12u; e += 3u) {
      inside = inside && planes[e] * px + planes[e + 1u] * py + planes[e + 2u] >= -1e-3;
    }
    bits |= select(0u, 1u << h, inside);
  }
  y[k] = bits;
}
