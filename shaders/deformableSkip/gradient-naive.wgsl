// gx[n, p, c] = share_id(p, c) · gy[n, p, c] + Σ_h Σ_q tent(T_h q − p) · m_h · share_h(q, c) · gy[n, q, c]
// Here n is the image, p the source pixel, q the target pixel, h the part and c the channel.
// m_h is bit h of mask at p (masks on the source) or at q (TARGET). The share of a candidate is 1 if it is the winner
// at (q, c), else 0; with MEAN it is 1 / number of candidates. The first term exists only with IDENTITY.
// tent(v) = max(0, 1 − |v_x|) · max(0, 1 − |v_y|), so the q with |T_h q − p| < 1 lie in the image of a 2×2 box under
// T_h⁻¹.
override MEAN: bool = false;
override IDENTITY: bool = true;
override TARGET: bool = false;
struct Params {
  count: u32, parts: u32, height: u32, width: u32, channels: u32, scale: f32,
  affine_offset: u32, mask_offset: u32, gy_offset: u32, gy_stride: u32, gx_offset: u32, gx_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> affine: array<f32>;
@group(0) @binding(2) var<storage, read> mask: array<u32>;
@group(0) @binding(3) var<storage, read> winner: array<u32>;
@group(0) @binding(4) var<storage, read> gy: array<f32>;
@group(0) @binding(5) var<storage, read_write> gx: array<f32>;

// #import preimage

// Returns the part of gy[r, c] that goes to candidate `index`.
fn share(r: u32, c: u32, index: u32) -> f32 {
  let g = gy[p.gy_offset + r * p.gy_stride + c];
  if (MEAN) { return g / f32(p.parts + u32(IDENTITY)); }
  let winners = winner[r * ((p.channels + 3u) / 4u) + c / 4u];
  return select(0.0, g, extractBits(winners, 8u * (c % 4u), 8u) == index);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= p.count) { return; }
  let r = i / p.channels;
  let c = i % p.channels;
  let source = vec2f(f32(r % p.width), f32(r / p.width % p.height));
  let n = r / (p.height * p.width);
  var sum = 0.0;
  if (IDENTITY) { sum = share(r, c, 0u); }
  for (var h = 0u; h < p.parts; h++) {
    if (!TARGET && extractBits(mask[p.mask_offset + r], h, 1u) == 0u) { continue; }
    let t = transform(n * p.parts + h);
    let box = preimage(t, source);
    for (var j = box.lo.y; j < box.hi.y; j++) {
      for (var l = box.lo.x; l < box.hi.x; l++) {
        let q = vec3f(f32(l), f32(j), 1.0);
        let target_row = (n * p.height + u32(j)) * p.width + u32(l);
        if (TARGET && extractBits(mask[p.mask_offset + target_row], h, 1u) == 0u) { continue; }
        let w = max(vec2f(), 1.0 - abs(vec2f(dot(t.x, q), dot(t.y, q)) - source));
        if (w.x * w.y > 0.0) { sum += w.x * w.y * share(target_row, c, h + u32(IDENTITY)); }
      }
    }
  }
  gx[p.gx_offset + r * p.gx_stride + c] = sum;
}
