// This is a step of Adam (Kingma & Ba 2015, algorithm 1) over a range of a slab of parameters, four elements per
// invocation:
//   m ← β₁m + (1 − β₁)g,   v ← β₂v + (1 − β₂)g²,   w ← w − α m̂ / (√v̂ + ε)
// with m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ). hyper = [α/(1 − β₁ᵗ), 1/√(1 − β₂ᵗ), β₁, 1 − β₁, β₂, 1 − β₂, ε, d].
// Weight decay λ comes first: where DECAY is 1, g ← g + λw, and d = λ; where it is 2 (AdamW), w ← (1 − αλ)w, and
// d = 1 − αλ.
override DECAY: u32 = 0u;
override SCALED: bool = false;  // whether gradients are multiplied by scale[0]
struct Params { count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> hyper: array<f32>;
@group(0) @binding(2) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> weights: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> m: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> v: array<vec4f>;
@group(0) @binding(6) var<storage, read> scale: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= p.count / 4u) { return; }
  var g = gradients[i];
  if (SCALED) { g *= scale[0]; }
  var w = weights[i];
  if (DECAY == 1u) { g += hyper[7] * w; }
  if (DECAY == 2u) { w *= hyper[7]; }
  let first = hyper[2] * m[i] + hyper[3] * g;
  let second = hyper[4] * v[i] + hyper[5] * g * g;
  m[i] = first;
  v[i] = second;
  weights[i] = w - hyper[0] * first / (sqrt(second) * hyper[1] + hyper[6]);
}
