// gx[n, p, c] = Σ_h Σ_q max(0, 1 − |T_x(q) − p_x|) · max(0, 1 − |T_y(q) − p_y|) · gy[n, h, q, c]
// n image, p source pixel, h transform, q target pixel, four channels c an invocation: the adjoint of the warp as a
// gather. The q that count are those that T = M q + t sends into the open 2×2 box around p; they lie in the image of
// that box under T⁻¹.
struct Params {
  count: u32, parts: u32, height: u32, width: u32, channels: u32, scale: f32,
  affine_offset: u32, gy_offset: u32, gy_stride: u32, gx_offset: u32, gx_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> affine: array<f32>;
@group(0) @binding(2) var<storage, read> gy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> gx: array<vec4f>;

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

// Target pixels [lo, hi) that hold every q with |T q − source| < 1: centre M⁻¹(source − t), half sides
// (|e| + |b|, |d| + |a|) / |det M|, plus what rounding can move them. The whole image where M is too close to singular.
struct Box { lo: vec2i, hi: vec2i }

fn preimage(t: Affine, source: vec2f) -> Box {
  let size = vec2f(f32(p.width), f32(p.height));
  let ae = t.x.x * t.y.y;
  let bd = t.x.y * t.y.x;
  let det = abs(ae - bd);
  let terms = abs(ae) + abs(bd);
  let u = source - vec2f(t.x.z, t.y.z);
  let far = vec2f(abs(t.y.y * u.x) + abs(t.x.y * u.y), abs(t.y.x * u.x) + abs(t.x.x * u.y)) / det;
  if (det > 1e-3 * terms && det > 1e-20 && terms < 1e20 && far.x + far.y < 1e20) {
    let centre = vec2f(t.y.y * u.x - t.x.y * u.y, t.x.x * u.y - t.y.x * u.x) / (ae - bd);
    let side = vec2f(abs(t.y.y) + abs(t.x.y), abs(t.y.x) + abs(t.x.x)) / det;
    let half = 1.01 * side + 0.05 + 4e-6 * (terms / det) * far;
    let lo = clamp(ceil(centre - half), vec2f(), size);
    let hi = clamp(floor(centre + half) + 1.0, vec2f(), size);
    return Box(vec2i(lo), vec2i(hi));
  }
  return Box(vec2i(), vec2i(size));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= p.count) { return; }
  let quads = p.channels / 4u;
  let r = i / quads;
  let c = 4u * (i % quads);
  let source = vec2f(f32(r % p.width), f32(r / p.width % p.height));
  let n = r / (p.height * p.width);
  var sum = vec4f();
  for (var k = n * p.parts; k < (n + 1u) * p.parts; k++) {
    let t = transform(k);
    let box = preimage(t, source);
    for (var j = box.lo.y; j < box.hi.y; j++) {
      for (var l = box.lo.x; l < box.hi.x; l++) {
        let q = vec3f(f32(l), f32(j), 1.0);
        let w = max(vec2f(), 1.0 - abs(vec2f(dot(t.x, q), dot(t.y, q)) - source));
        if (w.x * w.y > 0.0) {
          sum += w.x * w.y * gy[(p.gy_offset + ((k * p.height + u32(j)) * p.width + u32(l)) * p.gy_stride + c) / 4u];
        }
      }
    }
  }
  gx[(p.gx_offset + r * p.gx_stride + c) / 4u] = sum;
}
