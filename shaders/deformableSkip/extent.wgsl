// From the spans of its rows, the kernel finds how far part h's mask on the target reaches, as boxes (first column,
// first row, last column + 1, last row + 1). They are empty where the mask is.
// extent[n, h, 0] contains the target pixels q that the mask covers.
// extent[n, h, 1] contains all source pixels p with |T_h q − p| < 1 for such a q. T_h maps their box to a
// parallelogram around T_h(centre) of half sides |M| · half. The box is also empty where that lies outside.
// One workgroup computes one part of one image. Invocation i takes the rows i, i + 16, …; then the boxes are joined.
struct Params { parts: u32, height: u32, width: u32, scale: f32, affine_offset: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> affine: array<f32>;
@group(0) @binding(2) var<storage, read> spans: array<vec2i>;
@group(0) @binding(3) var<storage, read_write> extent: array<vec4i>;

var<workgroup> boxes: array<vec4i, 16>;

// #import affine

fn join(a: vec4i, b: vec4i) -> vec4i { return vec4i(min(a.xy, b.xy), max(a.zw, b.zw)); }

fn near(k: u32, box: vec4i) -> vec4i {
  let map = transform(k);
  let u = vec2f(map.x.x, map.y.x);
  let v = vec2f(map.x.y, map.y.y);
  let t = vec2f(map.x.z, map.y.z);
  let centre = 0.5 * vec2f(box.xy + box.zw - 1);
  let half = 0.5 * vec2f(box.zw - box.xy - 1);
  // The box is widened by what rounding can shift.
  let terms = abs(u) * (centre.x + half.x) + abs(v) * (centre.y + half.y) + abs(t);
  let side = 1.01 + abs(u) * half.x + abs(v) * half.y + 4e-6 * terms;
  let middle = u * centre.x + v * centre.y + t;
  let size = vec2f(f32(p.width), f32(p.height));
  let lo = clamp(ceil(middle - side), vec2f(), size);
  let hi = clamp(floor(middle + side) + 1.0, vec2f(), size);
  return vec4i(vec2i(lo), vec2i(hi));
}

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) me: u32) {
  let h = group.x;
  let n = group.y;
  var box = vec4i(i32(p.width), i32(p.height), 0, 0);
  for (var i = me; i < p.height; i += 16u) {
    let span = spans[(n * p.height + i) * p.parts + h];
    if (span.x < span.y) { box = join(box, vec4i(span.x, i32(i), span.y, i32(i) + 1)); }
  }
  boxes[me] = box;
  for (var half = 8u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (me < half) { boxes[me] = join(boxes[me], boxes[me + half]); }
  }
  if (me == 0u) {
    let k = n * p.parts + h;
    let found = boxes[0];
    extent[2u * k] = found;
    if (found.x < found.z) { extent[2u * k + 1u] = near(k, found); } else { extent[2u * k + 1u] = vec4i(); }
  }
}
