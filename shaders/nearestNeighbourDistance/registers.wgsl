// y[n, p] = min over q of Σ_c |generated[n, p, c] − reference[n, q, c]|
// Here n is the image, p the pixel, c the channel, and q runs over the pixels of the WINDOW × WINDOW square around p
// that are inside the image.
// winner[n, p] = (row of q in the window) · WINDOW + (its column) for the nearest q, the first of equals.
// An invocation keeps the distances of COLUMNS neighbouring q of one window row in registers, so that it reads p's
// channels once for all of them, four at a time. For columns outside the image it reads the edge pixel and ignores the
// distance.
override WINDOW: i32 = 3;
override COLUMNS: i32 = 3;  // 1 to 5
struct Params {
  start: u32, end: u32, height: u32, width: u32, channels: u32,
  generated_offset: u32, generated_stride: u32, reference_offset: u32, reference_stride: u32,
  y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> generated: array<vec4f>;
@group(0) @binding(2) var<storage, read> reference: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> winner: array<u32>;

var<private> best: u32 = 0xffffffffu;
var<private> index: i32 = 0;

// #import distance-rank

// Compares candidate k of the window, which is in column `at` of the image, with the best so far.
fn compare(distance: f32, k: i32, at: i32) {
  if (at >= 0 && at < i32(p.width) && rank(distance) < best) { best = rank(distance); index = k; }
}

fn l1(v: vec4f) -> f32 { return dot(abs(v), vec4f(1.0)); }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = p.start + id.y * groups.x * 64u + id.x;
  if (i >= p.end) { return; }
  let col = i32(i % p.width);
  let row = i32(i / p.width % p.height);
  let top = i32(i / (p.height * p.width) * p.height);
  let g = (p.generated_offset + i * p.generated_stride) / 4u;
  let last = i32(p.width) - 1;
  let stride = p.reference_stride / 4u;
  for (var wr = 0; wr < WINDOW; wr++) {
    let line = row + wr - WINDOW / 2;
    if (line < 0 || line >= i32(p.height)) { continue; }
    let f = p.reference_offset / 4u + u32(top + line) * p.width * stride;
    for (var wc = 0; wc < WINDOW; wc += COLUMNS) {
      let left = col + wc - WINDOW / 2;
      let f0 = f + u32(clamp(left, 0, last)) * stride;
      let f1 = f + u32(clamp(left + 1, 0, last)) * stride;
      let f2 = f + u32(clamp(left + 2, 0, last)) * stride;
      let f3 = f + u32(clamp(left + 3, 0, last)) * stride;
      let f4 = f + u32(clamp(left + 4, 0, last)) * stride;
      var d = vec4f();
      var d4 = 0.0;
      for (var c = 0u; c < p.channels / 4u; c++) {
        let v = generated[g + c];
        d.x += l1(v - reference[f0 + c]);
        if (COLUMNS > 1) { d.y += l1(v - reference[f1 + c]); }
        if (COLUMNS > 2) { d.z += l1(v - reference[f2 + c]); }
        if (COLUMNS > 3) { d.w += l1(v - reference[f3 + c]); }
        if (COLUMNS > 4) { d4 += l1(v - reference[f4 + c]); }
      }
      let k = wr * WINDOW + wc;
      compare(d.x, k, left);
      if (COLUMNS > 1 && wc + 1 < WINDOW) { compare(d.y, k + 1, left + 1); }
      if (COLUMNS > 2 && wc + 2 < WINDOW) { compare(d.z, k + 2, left + 2); }
      if (COLUMNS > 3 && wc + 3 < WINDOW) { compare(d.w, k + 3, left + 3); }
      if (COLUMNS > 4 && wc + 4 < WINDOW) { compare(d4, k + 4, left + 4); }
    }
  }
  y[p.y_offset + i / p.width * p.y_stride + u32(col)] = distance_of(best);
  winner[i] = u32(index);
}
