// reach[n, q] = the set of parts h, one bit each, that reach target pixel q: some tap of T_h(q) lies inside the image n
// and in part h's mask on the source grid. The candidates of all other parts are 0. An invocation computes PIXELS
// neighbouring q of a row, which share the maps. At a border it reads the tap inside in place of the one outside.
// The engine unrolls loops with constant bounds.
const PIXELS = 4u;
struct Params { count: u32, parts: u32, height: u32, width: u32, scale: f32, affine_offset: u32, mask_offset: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> affine: array<f32>;
@group(0) @binding(2) var<storage, read> mask: array<u32>;
@group(0) @binding(3) var<storage, read_write> reach: array<u32>;

// #import affine

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= p.count) { return; }
  let steps = (p.width + PIXELS - 1u) / PIXELS;
  let line = i / steps;
  let c = i % steps * PIXELS;
  let n = line / p.height;
  let y = f32(line % p.height);
  let width = p.width;
  let first = p.mask_offset + n * p.height * width;
  let edge = vec2i(i32(width), i32(p.height)) - 1;
  let size = vec2f(edge + 1);
  var bits = array<u32, PIXELS>();
  for (var h = 0u; h < p.parts; h++) {
    let t = transform(n * p.parts + h);
    for (var k = 0u; k < PIXELS; k++) {
      let q = vec3f(f32(c + k), y, 1.0);
      let source = vec2f(dot(t.x, q), dot(t.y, q));
      let inside = all(source > vec2f(-1.0)) && all(source < size);
      let at = vec2i(floor(select(vec2f(-1.0), source, inside)));
      let lo = max(at, vec2i());
      let hi = min(at + 1, edge);
      let column = vec4u(vec4i(lo.x, hi.x, lo.x, hi.x));
      let m = first + vec4u(vec4i(lo.yy, hi.yy)) * width + column;
      bits[k] |= select(0u, 1u << h, inside) & (mask[m.x] | mask[m.y] | mask[m.z] | mask[m.w]);
    }
  }
  for (var k = 0u; k < PIXELS; k++) { if (c + k < width) { reach[line * width + c + k] = bits[k]; } }
}
