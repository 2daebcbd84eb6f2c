// The adjoint of a warp gathers from the target pixels that an affine map sends near a source pixel. preimage finds
// them.
// #import affine

// The box of target pixels [lo, hi) contains every q with |T q − source| < 1. Its centre is M⁻¹(source − t) and its
// half sides are (|e| + |b|, |d| + |a|) / |det M|, widened by what rounding can shift. It is the whole image where M is
// too close to singular.
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
