// y[n, h, q, c] = Σ_p max(0, 1 − |T_x(q) − p_x|) · max(0, 1 − |T_y(q) − p_y|) · x[n, p, c]
// Here n is the image, h the transform, q the target pixel, p one of the four source pixels nearest to T(q), and c the
// channel; x is 0 outside the image. An invocation computes four channels.
// T(q) = (a q_x + b q_y + c_s, d q_x + e q_y + f_s) on a grid s times coarser: c_s = [c + (s − 1)/2 · (a + b − 1)] / s.
struct Params {
  count: u32, parts: u32, height: u32, width: u32, channels: u32, scale: f32,
  x_offset: u32, x_stride: u32, affine_offset: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> affine: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

// #import affine

fn tap(image: u32, at: vec2i, c: u32) -> vec4f {
  if (any(at < vec2i()) || any(at >= vec2i(i32(p.width), i32(p.height)))) { return vec4f(); }
  return x[(p.x_offset + ((image * p.height + u32(at.y)) * p.width + u32(at.x)) * p.x_stride + c) / 4u];
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= p.count) { return; }
  let quads = p.channels / 4u;
  let r = i / quads;
  let c = 4u * (i % quads);
  let k = r / (p.height * p.width);
  let q = vec3f(f32(r % p.width), f32(r / p.width % p.height), 1.0);
  let t = transform(k);
  let source = vec2f(dot(t.x, q), dot(t.y, q));
  let size = vec2f(f32(p.width), f32(p.height));
  var value = vec4f();
  if (all(source > vec2f(-1.0)) && all(source < size)) {
    // The clamp keeps the conversion to integers defined even on adapters whose comparisons ignore NaN.
    let corner = floor(clamp(source, vec2f(-1.0), size));
    let w = source - corner;
    let at = vec2i(corner);
    let n = k / p.parts;
    value = (1.0 - w.y) * ((1.0 - w.x) * tap(n, at, c) + w.x * tap(n, at + vec2i(1, 0), c))
      + w.y * ((1.0 - w.x) * tap(n, at + vec2i(0, 1), c) + w.x * tap(n, at + vec2i(1, 1), c));
  }
  y[(p.y_offset + r * p.y_stride + c) / 4u] = value;
}
