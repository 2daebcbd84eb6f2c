// spans[n, i, h] = (first, last + 1), the columns of row i that part h's mask covers, or (width, 0) where it covers
// none.
struct Params { count: u32, parts: u32, width: u32, mask_offset: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> mask: array<u32>;
@group(0) @binding(2) var<storage, read_write> spans: array<vec2i>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let k = id.y * groups.x * 64u + id.x;
  if (k >= p.count) { return; }
  let row = k / p.parts;
  let h = k % p.parts;
  var span = vec2i(i32(p.width), 0);
  for (var j = 0u; j < p.width; j++) {
    let covered = extractBits(mask[p.mask_offset + row * p.width + j], h, 1u) != 0u;
    if (covered) { span = vec2i(min(span.x, i32(j)), i32(j) + 1); }
  }
  spans[k] = span;
}
