// reach[n, q] = the set of parts h, one bit each, whose candidate at target pixel q is not 0 for want of pixels: some
// tap of T_h(q) lies inside the image n and in part h's mask on the source grid.
struct Params { count: u32, parts: u32, height: u32, width: u32, scale: f32, affine_offset: u32, mask_offset: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> affine: array<f32>;
@group(0) @binding(2) var<storage, read> mask: array<u32>;
@group(0) @binding(3) var<storage, read_write> reach: array<u32>;

struct Affine { x: vec3f, y: vec3f }

fn transform(k: u32) -> Affine {
  let at = p.affine_offset + 6u * k;
  let shift = 0.5 * (p.scale - 1.0);
  let u = vec2f(affine[at], affine[at + 1u]);
  let v = vec2f(affine[at + 3u], affine[at + 4u]);
  return Affine(
    vec3f(u, (affine[at + 2u] + shift * (u.x + u.y - 1.0)) / p.scale),
    vec3f(v, (affine[at + 5u] + shift * (v.x + v.y - 1.0)) / p.scale),
  );
}

fn masks(image: u32, at: vec2i) -> u32 {
  if (any(at < vec2i()) || any(at >= vec2i(i32(p.width), i32(p.height)))) { return 0u; }
  return mask[p.mask_offset + (image * p.height + u32(at.y)) * p.width + u32(at.x)];
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let r = id.y * groups.x * 64u + id.x;
  if (r >= p.count) { return; }
  let q = vec3f(f32(r % p.width), f32(r / p.width % p.height), 1.0);
  let n = r / (p.height * p.width);
  let size = vec2f(f32(p.width), f32(p.height));
  var bits = 0u;
  for (var h = 0u; h < p.parts; h++) {
    let t = transform(n * p.parts + h);
    let source = vec2f(dot(t.x, q), dot(t.y, q));
    if (all(source > vec2f(-1.0)) && all(source < size)) {
      let at = vec2i(floor(clamp(source, vec2f(-1.0), size)));
      let around = masks(n, at) | masks(n, at + vec2i(1, 0)) | masks(n, at + vec2i(0, 1)) | masks(n, at + vec2i(1, 1));
      bits |= around & (1u << h);
    }
  }
  reach[r] = bits;
}
