// The k-th affine map T(q) = (a q_x + b q_y + c, d q_x + e q_y + f) is given in pixels of the full image. transform
// returns it for a grid that is s = scale times coarser, as (a, b, c_s) and (d, e, f_s) with
// c_s = [c + (s − 1)/2 · (a + b − 1)] / s and f_s likewise.
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
