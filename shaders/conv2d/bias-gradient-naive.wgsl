// gb[c] = Σ_r gy[r, c]; r runs over the pixels of all images. One invocation computes one channel.
struct Params { rows: u32, C: u32, gy_offset: u32, gy_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gy: array<f32>;
@group(0) @binding(2) var<storage, read_write> gb: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let c = id.x;
  if (c >= p.C) { return; }
  var sum = 0.0;
  for (var r = 0u; r < p.rows; r++) { sum += gy[p.gy_offset + r * p.gy_stride + c]; }
  gb[c] = sum;
}
