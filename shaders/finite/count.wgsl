// found[t] += the number of values in range r, a part of tensor t, that are NaN or infinite, which means that all their
// exponent bits are set. The kernel reads the values as integers, because a compiler may assume that floats are finite.
// ranges[r] = (first value, last value + 1, t, 0), and the first is a multiple of 4. One workgroup checks one range.
// found must be 0 before.
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
    // The last four values may reach into the padding after the tensor.
    let inside = i + vec4u(0u, 1u, 2u, 3u) < vec4u(range.y);
    bad += vec4u(inside & ((values[i / 4u] & EXPONENT) == EXPONENT));
  }
  let sum = bad.x + bad.y + bad.z + bad.w;
  if (sum > 0u) { atomicAdd(&found[range.z], sum); }
}
