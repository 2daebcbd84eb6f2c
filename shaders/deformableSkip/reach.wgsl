// reach[n, q] = the set of parts h, one bit each, whose candidate at target pixel q is not 0 for want of pixels: some
// tap of T_h(q) lies inside the image n and in part h's mask on the source grid. Four neighbouring q of a row an
// invocation, which share the maps. At a border the tap inside stands for the one outside.
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

fn masks(r: vec4u) -> vec4u { return vec4u(mask[r.x], mask[r.y], mask[r.z], mask[r.w]); }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= p.count) { return; }
  let fours = (p.width + 3u) / 4u;
  let line = i / fours;
  let column = 4u * (i % fours) + vec4u(0u, 1u, 2u, 3u);
  let n = line / p.height;
  let first = p.mask_offset + n * p.height * p.width;
  let size = vec2f(f32(p.width), f32(p.height));
  var bits = vec4u();
  for (var h = 0u; h < p.parts; h++) {
    let t = transform(n * p.parts + h);
    let x = t.x.x * vec4f(column) + t.x.y * f32(line % p.height) + t.x.z;
    let y = t.y.x * vec4f(column) + t.y.y * f32(line % p.height) + t.y.z;
    let inside = (x > vec4f(-1.0)) & (x < vec4f(size.x)) & (y > vec4f(-1.0)) & (y < vec4f(size.y));
    let left = vec4i(floor(select(vec4f(), x, inside)));
    let top = vec4i(floor(select(vec4f(), y, inside)));
    let l = vec4u(max(left, vec4i()));
    let r = min(vec4u(left + 1), vec4u(p.width - 1u));
    let upper = first + vec4u(max(top, vec4i())) * p.width;
    let lower = first + min(vec4u(top + 1), vec4u(p.height - 1u)) * p.width;
    let around = masks(upper + l) | masks(upper + r) | masks(lower + l) | masks(lower + r);
    bits |= select(vec4u(), around & vec4u(1u << h), inside);
  }
  for (var k = 0u; k < 4u; k++) {
    if (column[k] < p.width) { reach[line * p.width + column[k]] = bits[k]; }
  }
}
