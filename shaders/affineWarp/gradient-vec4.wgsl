// gx[n, p, c] = Σ_h Σ_q max(0, 1 − |T_x(q) − p_x|) · max(0, 1 − |T_y(q) − p_y|) · gy[n, h, q, c]
// This is the adjoint of the warp as a gather. Here n is the image, p the source pixel, h the transform, q the target
// pixel and c the channel; an invocation computes four channels. Only those q count that T = M q + t sends into the
// open 2×2 box around p, and they lie in the image of that box under T⁻¹.
struct Params {
  count: u32, parts: u32, height: u32, width: u32, channels: u32, scale: f32,
  affine_offset: u32, gy_offset: u32, gy_stride: u32, gx_offset: u32, gx_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> affine: array<f32>;
@group(0) @binding(2) var<storage, read> gy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> gx: array<vec4f>;

// #import preimage

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= p.count) { return; }
  let quads = p.channels / 4u;
  let r = i / quads;
  let c = 4u * (i % quads);
  let source = vec2f(f32(r % p.width), f32(r / p.width % p.height));
  let n = r / (p.height * p.width);
  var sum = vec4f();
  for (var k = n * p.parts; k < (n + 1u) * p.parts; k++) {
    let t = transform(k);
    let box = preimage(t, source);
    for (var j = box.lo.y; j < box.hi.y; j++) {
      for (var l = box.lo.x; l < box.hi.x; l++) {
        let q = vec3f(f32(l), f32(j), 1.0);
        let w = max(vec2f(), 1.0 - abs(vec2f(dot(t.x, q), dot(t.y, q)) - source));
        if (w.x * w.y > 0.0) {
          sum += w.x * w.y * gy[(p.gy_offset + ((k * p.height + u32(j)) * p.width + u32(l)) * p.gy_stride + c) / 4u];
        }
      }
    }
  }
  gx[(p.gx_offset + r * p.gx_stride + c) / 4u] = sum;
}
