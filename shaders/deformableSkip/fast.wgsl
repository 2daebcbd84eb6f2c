// y[n, q, c] = max (or MEAN) over x[n, q, c] (where IDENTITY) and the candidates F_h[n, q, c] of all parts h:
//   masks on the source: F_h[n, q, c] = Σ_p tent(T_h q − p) · m_h[n, p] · x[n, p, c]
//   masks on the target: F_h[n, q, c] = m_h[n, q] · Σ_p tent(T_h q − p) · x[n, p, c]
// Here tent(v) = max(0, 1 − |v_x|) · max(0, 1 − |v_y|), m_h is bit h of mask, n is the image, q the target pixel, p the
// source pixel and c the channel. An invocation computes QUADS groups of four channels, C / QUADS channels apart. It
// samples only the parts that reach q (`reach`, or the mask of q). The others all contribute 0; ties go to the lowest
// index, so only the lowest of them can win, and it is compared last. winner[n, q, c / 4] holds, one byte per channel,
// the index of the largest candidate, or of the first NaN if there is one. The engine unrolls loops with constant
// bounds. Some software adapters run both sides of every branch and every loop at least once, so the kernel has few
// branches and no empty loops.
override MEAN: bool = false;
override IDENTITY: bool = true;
override TARGET: bool = false;
const QUADS = 1u;
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

// #import affine
// #import nan

// Taps hold the rows of the four pixels around T_h q and their weights. A weight is 0 outside the image and, with masks
// on the source, outside the mask.
struct Taps { row: vec4u, weight: vec4f }

fn taps(n: u32, q: vec3f, h: u32) -> Taps {
  let t = transform(n * p.parts + h);
  let source = vec2f(dot(t.x, q), dot(t.y, q));
  let edge = vec2i(i32(p.width), i32(p.height)) - 1;
  let size = vec2f(edge + 1);
  // All weights are 0 at (−1, −1), where NaN coordinates end up as well.
  let s = select(vec2f(-1.0), source, all(source > vec2f(-1.0)) && all(source < size));
  let corner = floor(s);
  let at = vec2i(corner);
  let lo = max(at, vec2i());
  let hi = min(at + 1, edge);
  let low = select(vec2f(), 1.0 - (s - corner), at == lo);
  let high = select(vec2f(), s - corner, at + 1 == hi);
  let column = vec4u(vec4i(lo.x, hi.x, lo.x, hi.x));
  let row = (n * p.height + vec4u(vec4i(lo.yy, hi.yy))) * p.width + column;
  var weight = vec4f(low.yy, high.yy) * vec4f(low.x, high.x, low.x, high.x);
  if (!TARGET) {
    let m = p.mask_offset + row;
    let covered = vec4u(mask[m.x], mask[m.y], mask[m.z], mask[m.w]) & vec4u(1u << h);
    weight = select(weight, vec4f(), covered == vec4u());
  }
  return Taps(row, weight);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= p.count) { return; }
  let step = p.channels / (4u * QUADS);
  let r = i / step;
  let c = i % step;
  let n = r / (p.height * p.width);
  let all_parts = (1u << p.parts) - 1u;
  var todo: u32;
  if (TARGET) { todo = mask[p.mask_offset + r] & all_parts; } else { todo = reach[r]; }
  // `absent` is the lowest bit of a part that is 0 in `todo`, that is, the first part that contributes a plain 0, or 0.
  let absent = ~todo & (todo + 1u) & all_parts;
  let first = p.x_offset / 4u + c;
  let stride = p.x_stride / 4u;
  var best = array<vec4f, QUADS>();
  var index = array<vec4u, QUADS>();
  var nan = array<vec4<bool>, QUADS>();
  for (var k = 0u; k < QUADS; k++) {
    if (IDENTITY) {
      best[k] = x[first + r * stride + k * step];
      nan[k] = are_nan(best[k]);
    }
  }
  // Without x, the first candidate is the largest so far whatever its value is.
  let opening = select(firstTrailingBit(todo), 32u, IDENTITY);
  if (todo != 0u) {
    let q = vec3f(f32(r % p.width), f32(r / p.width % p.height), 1.0);
    loop {
      let h = firstTrailingBit(todo);
      todo &= todo - 1u;
      let t = taps(n, q, h);
      let a = first + t.row * stride;
      var value = array<vec4f, QUADS>();
      for (var j = 0u; j < 4u; j++) {
        if (t.weight[j] != 0.0) { for (var k = 0u; k < QUADS; k++) { value[k] += t.weight[j] * x[a[j] + k * step]; } }
      }
      for (var k = 0u; k < QUADS; k++) {
        let other = are_nan(value[k]);
        let wins = (other | (value[k] > best[k]) | vec4<bool>(h == opening)) & !nan[k];
        nan[k] = nan[k] | other;
        index[k] = select(index[k], vec4u(h + u32(IDENTITY)), wins);
        if (MEAN) { best[k] += value[k]; } else { best[k] = select(best[k], value[k], wins); }
      }
      continuing { break if todo == 0u; }
    }
  }
  let none = vec4u(firstTrailingBit(absent) + u32(IDENTITY));
  let to = p.y_offset / 4u + r * (p.y_stride / 4u) + c;
  for (var k = 0u; k < QUADS; k++) {
    let v = best[k];
    if (MEAN) { y[to + k * step] = v / f32(p.parts + u32(IDENTITY)); }
    else {
      let zero = vec4<bool>(absent != 0u) & !nan[k] & ((v < vec4f()) | ((v == vec4f()) & (index[k] > none)));
      y[to + k * step] = select(v, vec4f(), zero);
      winner[(r * QUADS + k) * step + c] = dot(select(index[k], none, zero), vec4u(1u, 256u, 65536u, 16777216u));
    }
  }
}
