// gx[n, p, c] = share_id(p, c) · gy[n, p, c] + Σ_h Σ_q tent(T_h q − p) · m_h · share_h(q, c) · gy[n, q, c]
// Here n is the image, p the source pixel, q the target pixel, h the part and c the channel. An invocation computes
// QUADS groups of four channels, C / QUADS channels apart. m_h is bit h of mask at p (masks on the source) or at q
// (TARGET). The share of a candidate is 1 if it is the winner at (q, c), else 0; with MEAN it is 1 / number of
// candidates. The first term exists only with IDENTITY.
// tent(v) = max(0, 1 − |v_x|) · max(0, 1 − |v_y|), so the q with |T_h q − p| < 1 lie in the image of a 2×2 box under
// T_h⁻¹. With masks on the source, the kernel visits only the parts whose mask contains p. With masks on the target it
// visits the parts that can reach p, those whose box extent[n, h, 1] = [x, z) × [y, w) contains it, and only the q in
// the box of their mask, extent[n, h, 0].
// The engine unrolls loops with constant bounds. Some software adapters run both sides of every branch and every loop
// at least once, so the kernel has few branches and no empty loops.
override MEAN: bool = false;
override IDENTITY: bool = true;
override TARGET: bool = false;
const QUADS = 1u;
struct Params {
  count: u32, parts: u32, height: u32, width: u32, channels: u32, scale: f32,
  affine_offset: u32, mask_offset: u32, gy_offset: u32, gy_stride: u32, gx_offset: u32, gx_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> affine: array<f32>;
@group(0) @binding(2) var<storage, read> mask: array<u32>;
@group(0) @binding(3) var<storage, read> winner: array<u32>;
@group(0) @binding(4) var<storage, read> extent: array<vec4i>;
@group(0) @binding(5) var<storage, read> gy: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> gx: array<vec4f>;

// #import affine

// Returns target pixels [x, z) × [y, w) of `span` that contain every q in it with |T q − source| < 1. The centre is
// M⁻¹(source − t), and the half sides are (|e| + |b|, |d| + |a|) / |det M|, widened by what rounding can shift. The
// result is all of `span` where M is too close to singular.
fn preimage(t: Affine, source: vec2f, span: vec4i) -> vec4i {
  let ae = t.x.x * t.y.y;
  let bd = t.x.y * t.y.x;
  let det = abs(ae - bd);
  let terms = abs(ae) + abs(bd);
  let u = source - vec2f(t.x.z, t.y.z);
  let far = vec2f(abs(t.y.y * u.x) + abs(t.x.y * u.y), abs(t.y.x * u.x) + abs(t.x.x * u.y)) / det;
  let centre = vec2f(t.y.y * u.x - t.x.y * u.y, t.x.x * u.y - t.y.x * u.x) / (ae - bd);
  let side = vec2f(abs(t.y.y) + abs(t.x.y), abs(t.y.x) + abs(t.x.x)) / det;
  let half = 1.01 * side + 0.05 + 4e-6 * (terms / det) * far;
  let lo = clamp(ceil(centre - half), vec2f(span.xy), vec2f(span.zw));
  let hi = clamp(floor(centre + half) + 1.0, vec2f(span.xy), vec2f(span.zw));
  let regular = det > 1e-3 * terms && det > 1e-20 && terms < 1e20 && far.x + far.y < 1e20;
  return select(span, vec4i(vec2i(lo), vec2i(hi)), regular);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= p.count) { return; }
  let step = p.channels / (4u * QUADS);
  let r = i / step;
  let c = i % step;
  let width = p.width;
  let source = vec2i(vec2u(r % width, r / width % p.height));
  let n = r / (p.height * width);
  let image = n * p.height * width;
  let masks = p.mask_offset;
  let first = p.gy_offset / 4u + c;
  let stride = p.gy_stride / 4u;
  let bytes = vec4u(1u, 256u, 65536u, 16777216u);
  var sum = array<vec4f, QUADS>();
  if (IDENTITY) {
    for (var k = 0u; k < QUADS; k++) {
      let g = gy[first + r * stride + k * step];
      if (MEAN) { sum[k] = g; }
      else { sum[k] = select(vec4f(), g, (vec4u(winner[(r * QUADS + k) * step + c]) & (255u * bytes)) == vec4u()); }
    }
  }
  var todo = 0u;
  if (TARGET) {
    for (var h = 0u; h < p.parts; h++) {
      let reach = extent[2u * (n * p.parts + h) + 1u];
      todo |= select(0u, 1u << h, all(source >= reach.xy) && all(source < reach.zw));
    }
  } else { todo = mask[masks + r] & ((1u << p.parts) - 1u); }
  if (todo != 0u) {
    loop {
      let h = firstTrailingBit(todo);
      todo &= todo - 1u;
      let t = transform(n * p.parts + h);
      let won = (h + u32(IDENTITY)) * bytes;
      var span = vec4i(0, 0, i32(width), i32(p.height));
      if (TARGET) { span = extent[2u * (n * p.parts + h)]; }
      let box = preimage(t, vec2f(source), span);
      var q = box.xy;
      if (all(box.xy < box.zw)) {
        loop {
          let at = image + u32(q.y) * width + u32(q.x);
          let v = vec3f(vec2f(q), 1.0);
          let w = max(vec2f(), 1.0 - abs(vec2f(dot(t.x, v), dot(t.y, v)) - vec2f(source)));
          var weight = w.x * w.y;
          if (TARGET) { weight = select(0.0, weight, ((mask[masks + at] >> h) & 1u) != 0u); }
          if (weight > 0.0) {
            for (var k = 0u; k < QUADS; k++) {
              let g = gy[first + at * stride + k * step];
              if (MEAN) { sum[k] += weight * g; }
              else {
                let winners = vec4u(winner[(at * QUADS + k) * step + c]) & (255u * bytes);
                sum[k] += weight * select(vec4f(), g, winners == won);
              }
            }
          }
          q.x++;
          if (q.x >= box.z) { q = vec2i(box.x, q.y + 1); }
          continuing { break if q.y >= box.w; }
        }
      }
      continuing { break if todo == 0u; }
    }
  }
  for (var k = 0u; k < QUADS; k++) {
    var value = sum[k];
    if (MEAN) { value /= f32(p.parts + u32(IDENTITY)); }
    gx[p.gx_offset / 4u + r * (p.gx_stride / 4u) + c + k * step] = value;
  }
}
