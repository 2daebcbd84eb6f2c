// y[n, row, col, j] = exp(−[(col − x)² + (row − y)²] / 2σ²) with (x, y) = joints[n, j]
// Here n is the image and j the joint. y is 0 where the joint is missing (x < 0 or y < 0), and NaN where the joint is
// NaN; scale = −1 / 2σ².
struct Params {
  count: u32, joint_count: u32, height: u32, width: u32, scale: f32,
  joints_offset: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> joints: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// #import nan

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= p.count) { return; }
  let r = i / p.joint_count;
  let j = i % p.joint_count;
  let at = p.joints_offset + 2u * (r / (p.height * p.width) * p.joint_count + j);
  let joint = vec2f(joints[at], joints[at + 1u]);
  let d = vec2f(f32(r % p.width), f32(r / p.width % p.height)) - joint;
  var value = exp(p.scale * dot(d, d));
  if (joint.x < 0.0 || joint.y < 0.0) { value = 0.0; }
  if (is_nan(joint.x) | is_nan(joint.y)) { value = joint.x + joint.y; }
  y[p.y_offset + r * p.y_stride + j] = value;
}
