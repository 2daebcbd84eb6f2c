// extent[n, h] = (first column, first row, last column + 1, last row + 1) of part h's mask, from the spans of its rows.
// An empty mask gives an empty range. A workgroup per image and part: invocation i takes the rows i, i + 16, …, then
// halves are joined.
struct Params { parts: u32, height: u32, width: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> spans: array<vec2i>;
@group(0) @binding(2) var<storage, read_write> extent: array<vec4i>;

var<workgroup> boxes: array<vec4i, 16>;

fn join(a: vec4i, b: vec4i) -> vec4i { return vec4i(min(a.xy, b.xy), max(a.zw, b.zw)); }

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
  if (me == 0u) { extent[n * p.parts + h] = boxes[0]; }
}
