// y[n, row, col, j] = exp(−(row − y)² / 2σ²) · exp(−(col − x)² / 2σ²) with (x, y) = joints[n, j]
// Here n is the image and j the joint. y is 0 where the joint is missing (x < 0 or y < 0), and NaN where the joint is
// NaN; scale = −1 / 2σ². An invocation computes COLUMNS neighbouring columns of one row and joint, so it reads the
// joint and computes the factor of the row once for all of them.
override COLUMNS: u32 = 8u;
struct Params {
  count: u32, strips: u32, joint_count: u32, height: u32, width: u32, scale: f32,
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
  let j = i % p.joint_count;
  let strip = i / p.joint_count;
  let line = strip / p.strips;  // row counted over all images
  let row = line % p.height;
  let at = p.joints_offset + 2u * (line / p.height * p.joint_count + j);
  let joint = vec2f(joints[at], joints[at + 1u]);
  let down = f32(row) - joint.y;
  var factor = select(0.0, exp(p.scale * down * down), joint.x >= 0.0 && joint.y >= 0.0);
  if (is_nan(joint.x) | is_nan(joint.y)) { factor = joint.x + joint.y; }
  let first = strip % p.strips * COLUMNS;
  for (var col = first; col < min(first + COLUMNS, p.width); col++) {
    let along = f32(col) - joint.x;
    y[p.y_offset + (line * p.width + col) * p.y_stride + j] = factor * exp(p.scale * along * along);
  }
}
