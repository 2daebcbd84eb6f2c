// gx[n, p, c] = gy[n, p] · sign(generated[n, p, c] − reference[n, q, c]), sign(0) = sign(NaN) = 0
// Here n is the image, p the pixel, c the channel, and q the nearest pixel of the window around p (winner = its
// row · WINDOW + its column).
override WINDOW: u32 = 3u;
struct Params {
  count: u32, width: u32, channels: u32, generated_offset: u32, generated_stride: u32,
  reference_offset: u32, reference_stride: u32, gy_offset: u32, gy_stride: u32, gx_offset: u32, gx_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> generated: array<f32>;
@group(0) @binding(2) var<storage, read> reference: array<f32>;
@group(0) @binding(3) var<storage, read> winner: array<u32>;
@group(0) @binding(4) var<storage, read> gy: array<f32>;
@group(0) @binding(5) var<storage, read_write> gx: array<f32>;

// #import sign

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= p.count) { return; }
  let r = i / p.channels;
  let c = i % p.channels;
  let k = winner[r];
  // This is the row of q in [N·H·W]. It needs no check, because the nearest pixel always lies inside the image.
  let q = r + k / WINDOW * p.width + k % WINDOW - WINDOW / 2u * (p.width + 1u);
  let d = generated[p.generated_offset + r * p.generated_stride + c]
    - reference[p.reference_offset + q * p.reference_stride + c];
  gx[p.gx_offset + r * p.gx_stride + c] = gy[p.gy_offset + r / p.width * p.gy_stride + r % p.width] * sign_of(d);
}
