// norm[0] = √Σ_j partial[j], added in order, and scale[0] = max_norm / norm where that is less than 1, otherwise 1.
struct Params { count: u32, max_norm: f32, partial_offset: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>;
@group(0) @binding(2) var<storage, read_write> norm: array<f32>;
@group(0) @binding(3) var<storage, read_write> scale: array<f32>;

// #import nan
// #import clip-scale

@compute @workgroup_size(1)
fn main() {
  var sum = 0.0;
  for (var j = 0u; j < p.count; j++) { sum += partial[p.partial_offset + j]; }
  norm[0] = sqrt(sum);
  scale[0] = clip_scale(sqrt(sum), p.max_norm);
}
