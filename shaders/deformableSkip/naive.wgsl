// y[n, q, c] = max (or MEAN) over x[n, q, c] (where IDENTITY) and the candidates F_h[n, q, c] of all parts h:
//   masks on the source: F_h[n, q, c] = Σ_p tent(T_h q − p) · m_h[n, p] · x[n, p, c]
//   masks on the target: F_h[n, q, c] = m_h[n, q] · Σ_p tent(T_h q − p) · x[n, p, c]
// Here tent(v) = max(0, 1 − |v_x|) · max(0, 1 − |v_y|), m_h is bit h of mask, n is the image, q the target pixel, p the
// source pixel and c the channel. winner[n, q, c / 4] holds, one byte per channel, the index of the largest candidate,
// the first of equals.
override MEAN: bool = false;
override IDENTITY: bool = true;
override TARGET: bool = false;
struct Params {
  count: u32, parts: u32, height: u32, width: u32, channels: u32, scale: f32,
  x_offset: u32, x_stride: u32, affine_offset: u32, mask_offset: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> affine: array<f32>;
@group(0) @binding(3) var<storage, read> mask: array<u32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read_write> winner: array<u32>;

// #import affine
// #import nan

// Returns what a pixel contributes. A pixel of weight 0 contributes 0 even if it is NaN.
fn tap(image: u32, at: vec2i, c: u32, part: u32, weight: f32) -> f32 {
  if (weight == 0.0 || any(at < vec2i()) || any(at >= vec2i(i32(p.width), i32(p.height)))) { return 0.0; }
  let r = (image * p.height + u32(at.y)) * p.width + u32(at.x);
  if (!TARGET && extractBits(mask[p.mask_offset + r], part, 1u) == 0u) { return 0.0; }
  return weight * x[p.x_offset + r * p.x_stride + c];
}

fn candidate(r: u32, c: u32, part: u32) -> f32 {
  if (TARGET && extractBits(mask[p.mask_offset + r], part, 1u) == 0u) { return 0.0; }
  let n = r / (p.height * p.width);
  let t = transform(n * p.parts + part);
  let q = vec3f(f32(r % p.width), f32(r / p.width % p.height), 1.0);
  let source = vec2f(dot(t.x, q), dot(t.y, q));
  let size = vec2f(f32(p.width), f32(p.height));
  if (!(all(source > vec2f(-1.0)) && all(source < size))) { return 0.0; }
  // The clamp keeps the conversion to integers defined even on adapters whose comparisons ignore NaN.
  let corner = floor(clamp(source, vec2f(-1.0), size));
  let w = source - corner;
  let at = vec2i(corner);
  return tap(n, at, c, part, (1.0 - w.y) * (1.0 - w.x)) + tap(n, at + vec2i(1, 0), c, part, (1.0 - w.y) * w.x)
    + tap(n, at + vec2i(0, 1), c, part, w.y * (1.0 - w.x)) + tap(n, at + vec2i(1, 1), c, part, w.y * w.x);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= p.count) { return; }
  let quads = (p.channels + 3u) / 4u;
  let r = i / quads;
  let first = 4u * (i % quads);
  var winners = 0u;
  for (var c = first; c < min(first + 4u, p.channels); c++) {
    var sum = 0.0;
    var best = 0.0;
    var index = 0u;
    var found_nan = false;
    for (var h = 0u; h < p.parts + u32(IDENTITY); h++) {
      var value: f32;
      if (IDENTITY && h == 0u) { value = x[p.x_offset + r * p.x_stride + c]; }
      else { value = candidate(r, c, h - u32(IDENTITY)); }
      sum += value;
      // The first NaN wins. A WGSL comparison with NaN may give any result, so the bits decide.
      if (!found_nan && (h == 0u || value > best || is_nan(value))) { best = value; index = h; }
      found_nan |= is_nan(value);
    }
    if (MEAN) { best = sum / f32(p.parts + u32(IDENTITY)); }
    y[p.y_offset + r * p.y_stride + c] = best;
    winners |= index << (8u * (c - first));
  }
  if (!MEAN) { winner[i] = winners; }
}
