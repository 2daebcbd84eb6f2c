// y[n, p] = min over q of Σ_c |generated[n, p, c] − reference[n, q, c]|
// Here n is the image, p the pixel, c the channel, and q runs over the pixels of the WINDOW × WINDOW square around p
// that are inside the image.
// winner[n, p] = (row of q in the window) · WINDOW + (its column) for the nearest q, the first of equals.
// A subgroup of LANES computes LANES − WINDOW + 1 pixels of one row. Lane l holds column left + l of generated, which
// nearby lanes take from its register, and of up to three rows of the reference, which it compares with all pixels that
// have them in their window. So each column is read only once. For columns and rows outside the image it reads the edge
// pixel and ignores the distance.
enable subgroups;
override WINDOW: i32 = 3;  // at most 5 and LANES
override LANES: i32 = 8;
struct Params {
  start: u32, end: u32, strips: u32, height: u32, width: u32, channels: u32,
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

// Compares candidate k of the window, which is in row `row` and column `col` of the image, with the best so far.
fn compare(distance: f32, k: i32, row: i32, col: i32) {
  let inside = row >= 0 && row < i32(p.height) && col >= 0 && col < i32(p.width);
  if (inside && rank(distance) < best) { best = rank(distance); index = k; }
}

fn l1(v: vec4f) -> f32 { return dot(abs(v), vec4f(1.0)); }

// These functions return the value of another lane.
fn quad_of(v: vec4f, lane: i32) -> vec4f { return subgroupShuffle(v, u32(lane & (LANES - 1))); }
fn rows_of(v: vec3f, lane: i32) -> vec3f { return subgroupShuffle(v, u32(lane & (LANES - 1))); }

struct Rows { a: vec4f, b: vec4f, c: vec4f }
fn distances(v: vec4f, r: Rows) -> vec3f { return vec3f(l1(v - r.a), l1(v - r.b), l1(v - r.c)); }

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(subgroup_invocation_id) id: u32,
) {
  let strip = p.start + group.y * groups.x + group.x;
  if (strip >= p.end) { return; }
  let lane = i32(id);
  let half = WINDOW / 2;
  let row = i32(strip / p.strips % p.height);
  let top = i32(strip / (p.strips * p.height) * p.height);
  let col = i32(strip % p.strips) * (LANES - WINDOW + 1) - half + lane;
  let column = u32(clamp(col, 0, i32(p.width) - 1));
  let g = (p.generated_offset + (u32(top + row) * p.width + column) * p.generated_stride) / 4u;
  for (var wr = 0; wr < WINDOW; wr += 3) {
    var f: vec3u;
    for (var i = 0; i < 3; i++) {
      let line = u32(top + clamp(row + wr + i - half, 0, i32(p.height) - 1));
      f[i] = (p.reference_offset + (line * p.width + column) * p.reference_stride) / 4u;
    }
    // d_k holds the distances for three rows with this column as column k of the window, which is that of the pixel
    // half − k columns on.
    var d0 = vec3f();
    var d1 = vec3f();
    var d2 = vec3f();
    var d3 = vec3f();
    var d4 = vec3f();
    for (var c = 0u; c < p.channels / 4u; c++) {
      let v = generated[g + c];
      let r = Rows(reference[f.x + c], reference[f.y + c], reference[f.z + c]);
      d0 += distances(quad_of(v, lane + half), r);
      if (WINDOW > 1) { d1 += distances(quad_of(v, lane + half - 1), r); }
      if (WINDOW > 2) { d2 += distances(quad_of(v, lane + half - 2), r); }
      if (WINDOW > 3) { d3 += distances(quad_of(v, lane + half - 3), r); }
      if (WINDOW > 4) { d4 += distances(quad_of(v, lane + half - 4), r); }
    }
    // The distances go back to the lanes of their pixels.
    let s = array(
      rows_of(d0, lane - half), rows_of(d1, lane - half + 1), rows_of(d2, lane - half + 2),
      rows_of(d3, lane - half + 3), rows_of(d4, lane - half + 4),
    );
    for (var i = 0; i < min(3, WINDOW - wr); i++) {
      for (var k = 0; k < WINDOW; k++) {
        compare(s[k][i], (wr + i) * WINDOW + k, row + wr + i - half, col + k - half);
      }
    }
  }
  if (lane < half || lane >= LANES - half || col >= i32(p.width)) { return; }
  let i = u32(top + row) * p.width + u32(col);
  y[p.y_offset + u32(top + row) * p.y_stride + u32(col)] = distance_of(best);
  winner[i] = u32(index);
}
