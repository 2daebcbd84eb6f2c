// partials[z, c] = Σ gy[r, c] over the z-th chunk of the rows r, which are the pixels of all images. The chunks are
// added afterwards in order. One invocation sums one channel of one chunk, four rows per step.
struct Params { rows: u32, C: u32, chunk: u32, count: u32, gy_offset: u32, gy_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gy: array<f32>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.y * groups.x * 64u + id.x;
  if (index >= p.count) { return; }
  let start = index / p.C * p.chunk;
  let end = min(start + p.chunk, p.rows);
  let at = p.gy_offset + index % p.C;
  var sum = 0.0;
  var r = start;
  for (; r + 4u <= end; r += 4u) {
    let s = at + r * p.gy_stride;
    sum += (gy[s] + gy[s + p.gy_stride]) + (gy[s + 2u * p.gy_stride] + gy[s + 3u * p.gy_stride]);
  }
  for (; r < end; r++) { sum += gy[at + r * p.gy_stride]; }
  partials[index] = sum;
}
