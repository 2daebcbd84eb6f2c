// y[n, p] = min over q of Σ_c |generated[n, p, c] − reference[n, q, c]|
// Here n is the image, p the pixel, c the channel, and q runs over the pixels of the WINDOW × WINDOW square around p
// that are inside the image.
// winner[n, p] = (row of q in the window) · WINDOW + (its column) for the nearest q, the first of equals.
// A workgroup computes COLS × ROWS pixels. It copies the reference of these pixels and the halo around them to
// workgroup memory, sixteen channels at a time. It reads along the channels but stores pixel beside pixel, so that
// neighbouring invocations, which compare neighbouring pixels, access different memory banks. Invocation (i, j, k) sums
// the distances of pixel (i, j) to row k of its window; then one invocation per pixel takes the minimum.
override WINDOW: u32 = 3u;
override COLS: u32 = 8u;
override ROWS: u32 = 8u;
const QUADS = 4u;       // number of vec4s of channels copied at a time
const MOST = 7u;        // the largest WINDOW
struct Params {
  start: u32, end: u32, tiles_x: u32, tiles_y: u32, height: u32, width: u32, channels: u32,
  generated_offset: u32, generated_stride: u32, reference_offset: u32, reference_stride: u32,
  y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> generated: array<vec4f>;
@group(0) @binding(2) var<storage, read> reference: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> winner: array<u32>;

var<workgroup> shared_tile: array<vec4f, QUADS * (COLS + WINDOW - 1u) * (ROWS + WINDOW - 1u)>;
var<workgroup> row_best: array<u32, COLS * ROWS * WINDOW>;
var<workgroup> row_index: array<u32, COLS * ROWS * WINDOW>;

// #import distance-rank

fn l1(v: vec4f) -> f32 { return dot(abs(v), vec4f(1.0)); }

@compute @workgroup_size(COLS, ROWS, WINDOW)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u, @builtin(local_invocation_index) me: u32,
) {
  let tile = p.start + group.y * groups.x + group.x;
  if (tile >= p.end) { return; }
  let image = tile / (p.tiles_x * p.tiles_y);
  let corner = vec2u(tile % p.tiles_x * COLS, tile / p.tiles_x % p.tiles_y * ROWS);
  let pixel = corner + local.xy;
  let inside = pixel.x < p.width && pixel.y < p.height;
  let wide = COLS + WINDOW - 1u;
  let area = wide * (ROWS + WINDOW - 1u);
  let i = (image * p.height + pixel.y) * p.width + pixel.x;
  let half = i32(WINDOW / 2u);
  var d: array<f32, MOST>;
  for (var k = 0u; k < WINDOW; k++) { d[k] = 0.0; }
  for (var base = 0u; base < p.channels / 4u; base += QUADS) {
    let quads = min(QUADS, p.channels / 4u - base);
    workgroupBarrier();
    for (var s = me; s < QUADS * area; s += COLS * ROWS * WINDOW) {
      let at = vec2i(corner + vec2u(s / QUADS % wide, s / QUADS / wide)) - half;
      let q = vec2u(clamp(at, vec2i(), vec2i(i32(p.width), i32(p.height)) - 1));
      let f = p.reference_offset + ((image * p.height + q.y) * p.width + q.x) * p.reference_stride;
      shared_tile[s % QUADS * area + s / QUADS] = reference[f / 4u + min(base + s % QUADS, p.channels / 4u - 1u)];
    }
    workgroupBarrier();
    let first = (local.y + local.z) * wide + local.x;
    for (var c = 0u; c < quads && inside; c++) {
      let v = generated[(p.generated_offset + i * p.generated_stride) / 4u + base + c];
      for (var k = 0u; k < WINDOW; k++) { d[k] += l1(v - shared_tile[c * area + first + k]); }
    }
  }
  var best = 0xffffffffu;
  var index = 0u;
  let line = i32(pixel.y + local.z) - half;
  if (line >= 0 && line < i32(p.height)) {
    for (var k = 0u; k < WINDOW; k++) {
      let at = i32(pixel.x + k) - half;
      let distance = rank(d[k]);
      if (at >= 0 && at < i32(p.width) && distance < best) { best = distance; index = local.z * WINDOW + k; }
    }
  }
  row_best[me] = best;
  row_index[me] = index;
  workgroupBarrier();
  if (local.z > 0u || !inside) { return; }
  for (var k = 1u; k < WINDOW; k++) {
    let other = me + k * COLS * ROWS;
    if (row_best[other] < best) { best = row_best[other]; index = row_index[other]; }
  }
  y[p.y_offset + i / p.width * p.y_stride + pixel.x] = distance_of(best);
  winner[i] = index;
}
