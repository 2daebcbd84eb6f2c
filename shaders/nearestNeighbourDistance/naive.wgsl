// y[n, p] = min over q of Σ_c |generated[n, p, c] − reference[n, q, c]|
// Here n is the image, p the pixel, c the channel, and q runs over the pixels of the WINDOW × WINDOW square around p
// that are inside the image.
// winner[n, p] = (row of q in the window) · WINDOW + (its column) for the nearest q, the first of equals.
override WINDOW: i32 = 3;
struct Params {
  start: u32, end: u32, height: u32, width: u32, channels: u32,
  generated_offset: u32, generated_stride: u32, reference_offset: u32, reference_stride: u32,
  y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> generated: array<f32>;
@group(0) @binding(2) var<storage, read> reference: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> winner: array<u32>;

// #import distance-rank

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = p.start + id.y * groups.x * 64u + id.x;
  if (i >= p.end) { return; }
  let col = i32(i % p.width);
  let row = i32(i / p.width % p.height);
  let image = i / (p.height * p.width);
  var best = 0xffffffffu;
  var index = 0;
  for (var k = 0; k < WINDOW * WINDOW; k++) {
    let q = vec2i(col + k % WINDOW, row + k / WINDOW) - WINDOW / 2;
    if (any(q < vec2i()) || any(q >= vec2i(i32(p.width), i32(p.height)))) { continue; }
    let g = p.generated_offset + i * p.generated_stride;
    let f = p.reference_offset + ((image * p.height + u32(q.y)) * p.width + u32(q.x)) * p.reference_stride;
    var sum = 0.0;
    for (var c = 0u; c < p.channels; c++) { sum += abs(generated[g + c] - reference[f + c]); }
    if (rank(sum) < best) { best = rank(sum); index = k; }
  }
  y[p.y_offset + i / p.width * p.y_stride + u32(col)] = distance_of(best);
  winner[i] = u32(index);
}
