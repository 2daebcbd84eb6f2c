// found[t] += how many values of range r, a stretch of tensor t, are NaN or infinite: those whose exponent bits are all
// set. values are bits, so no compiler may assume that there are none. ranges[r] = (first value, last value + 1, t, 0);
// the first is a multiple of 4. A workgroup per range; found is 0 before.
struct Params { count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> ranges: array<vec4u>;
@group(0) @binding(2) var<storage, read> values: array<vec4u>;
@group(0) @binding(3) var<storage, read_write> found: array<atomic<u32>>;

const EXPONENT = vec4u(0x7f800000u);

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) me: u32,
) {
  let r = group.y * groups.x + group.x;
  if (r >= p.count) { return; }
  let range = ranges[r];
  var bad = vec4u();
  for (var i = range.x + 4u * me; i < range.y; i += 256u) {
    // The last four may reach into the padding behind the tensor.
    let inside = i + vec4u(0u, 1u, 2u, 3u) < vec4u(range.y);
    bad += vec4u(inside & ((values[i / 4u] & EXPONENT) == EXPONENT));
  }
  let sum = bad.x + bad.y + bad.z + bad.w;
  if (sum > 0u) { atomicAdd(&found[range.z], sum); }
}
