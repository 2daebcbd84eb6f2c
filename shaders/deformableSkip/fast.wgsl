// y[n, q, c] = max (or MEAN) over x[n, q, c] (where IDENTITY) and the candidates F_h[n, q, c] of all parts h:
//   masks on the source: F_h[n, q, c] = Σ_p tent(T_h q − p) · m_h[n, p] · x[n, p, c]
//   masks on the target: F_h[n, q, c] = m_h[n, q] · Σ_p tent(T_h q − p) · x[n, p, c]
// tent(v) = max(0, 1 − |v_x|) · max(0, 1 − |v_y|); m_h = bit h of mask; n image, q target pixel, p source pixel,
// four channels c an invocation. Only parts that reach q are sampled (`reach`, or the mask of q). Of the others, all 0,
// only the first can be the first of the largest. winner[n, q, c / 4] holds, one byte a channel, the largest candidate.
override MEAN: bool = false;
override IDENTITY: bool = true;
override TARGET: bool = false;
override TWO: bool = false;
struct Params {
  count: u32, parts: u32, height: u32, width: u32, channels: u32, scale: f32,
  x_offset: u32, x_stride: u32, affine_offset: u32, mask_offset: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> affine: array<f32>;
@group(0) @binding(3) var<storage, read> mask: array<u32>;
@group(0) @binding(4) var<storage, read> reach: array<u32>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> winner: array<u32>;

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

// Values of the invocation's channels: four from c on and, where TWO, four more from c + channels / 2 on.
struct Values { a: vec4f, b: vec4f }

fn at_row(r: u32, c: u32) -> Values {
  let i = (p.x_offset + r * p.x_stride + c) / 4u;
  if (TWO) { return Values(x[i], x[i + p.channels / 8u]); }
  return Values(x[i], vec4f());
}

fn add_tap(sum: Values, w: f32, image: u32, at: vec2i, c: u32, part: u32) -> Values {
  if (any(at < vec2i()) || any(at >= vec2i(i32(p.width), i32(p.height)))) { return sum; }
  let r = (image * p.height + u32(at.y)) * p.width + u32(at.x);
  if (!TARGET && extractBits(mask[p.mask_offset + r], part, 1u) == 0u) { return sum; }
  let v = at_row(r, c);
  return Values(sum.a + w * v.a, sum.b + w * v.b);
}

fn candidate(r: u32, c: u32, part: u32) -> Values {
  let n = r / (p.height * p.width);
  let t = transform(n * p.parts + part);
  let q = vec3f(f32(r % p.width), f32(r / p.width % p.height), 1.0);
  let source = vec2f(dot(t.x, q), dot(t.y, q));
  let size = vec2f(f32(p.width), f32(p.height));
  if (!(all(source > vec2f(-1.0)) && all(source < size))) { return Values(vec4f(), vec4f()); }
  // The clamp keeps the conversion to integers defined even where comparisons ignore NaN.
  let corner = floor(clamp(source, vec2f(-1.0), size));
  let w = source - corner;
  let at = vec2i(corner);
  let upper = add_tap(Values(vec4f(), vec4f()), (1.0 - w.y) * (1.0 - w.x), n, at, c, part);
  let right = add_tap(upper, (1.0 - w.y) * w.x, n, at + vec2i(1, 0), c, part);
  let lower = add_tap(right, w.y * (1.0 - w.x), n, at + vec2i(0, 1), c, part);
  return add_tap(lower, w.y * w.x, n, at + vec2i(1, 1), c, part);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= p.count) { return; }
  let quads = p.channels / select(4u, 8u, TWO);
  let r = i / quads;
  let c = 4u * (i % quads);
  let all_parts = (1u << p.parts) - 1u;
  var reached: u32;
  if (TARGET) { reached = mask[p.mask_offset + r] & all_parts; } else { reached = reach[r]; }
  // The lowest bit that is 0 in `reached`, if it is a part's: the first part that contributes a plain 0.
  let absent = ~reached & (reached + 1u) & all_parts;
  var result = Values(vec4f(), vec4f());
  var index = vec4u();
  var more = vec4u();
  if (IDENTITY) { result = at_row(r, c); }
  else if (!MEAN) { result = Values(vec4f(-3.4028234e38), vec4f(-3.4028234e38)); }
  var todo = reached;
  if (!MEAN) { todo |= absent; }
  while (todo != 0u) {
    let h = firstTrailingBit(todo);
    todo &= todo - 1u;
    var value = Values(vec4f(), vec4f());
    if (extractBits(reached, h, 1u) != 0u) { value = candidate(r, c, h); }
    if (MEAN) { result = Values(result.a + value.a, result.b + value.b); }
    else {
      let wins = value.a > result.a;
      result.a = select(result.a, value.a, wins);
      index = select(index, vec4u(h + u32(IDENTITY)), wins);
      if (TWO) {
        let also = value.b > result.b;
        result.b = select(result.b, value.b, also);
        more = select(more, vec4u(h + u32(IDENTITY)), also);
      }
    }
  }
  if (MEAN) {
    let candidates = f32(p.parts + u32(IDENTITY));
    result = Values(result.a / candidates, result.b / candidates);
  }
  let to = (p.y_offset + r * p.y_stride + c) / 4u;
  y[to] = result.a;
  let bytes = vec4u(1u, 1u << 8u, 1u << 16u, 1u << 24u);
  let first = (r * p.channels + c) / 4u;
  if (!MEAN) { winner[first] = dot(index, bytes); }
  if (TWO) {
    y[to + quads] = result.b;
    if (!MEAN) { winner[first + quads] = dot(more, bytes); }
  }
}
