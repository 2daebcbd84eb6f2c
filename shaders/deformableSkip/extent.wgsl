// extent[n, h] = (first column, first row, last column + 1, last row + 1) of part h's mask, from the spans of its rows.
// An empty mask gives an empty range.
struct Params { count: u32, parts: u32, height: u32, width: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> spans: array<vec2i>;
@group(0) @binding(2) var<storage, read_write> extent: array<vec4i>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let k = id.y * groups.x * 64u + id.x;
  if (k >= p.count) { return; }
  let n = k / p.parts;
  let h = k % p.parts;
  var box = vec4i(i32(p.width), i32(p.height), 0, 0);
  for (var i = 0u; i < p.height; i++) {
    let span = spans[(n * p.height + i) * p.parts + h];
    if (span.x < span.y) {
      box = vec4i(min(box.x, span.x), min(box.y, i32(i)), max(box.z, span.y), i32(i) + 1);
    }
  }
  extent[k] = box;
}
