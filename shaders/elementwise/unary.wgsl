// y[r, c] = f(x[r, c]); the body of f comes from the table of elementwise ops, and k is the constant of its row there.
struct Params { count: u32, channels: u32, k: f32, x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn f(x: f32, k: f32) -> f32 { return k * x; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= p.count) { return; }
  let r = i / p.channels;
  let c = i % p.channels;
  y[p.y_offset + r * p.y_stride + c] = f(x[p.x_offset + r * p.x_stride + c], p.k);
}
