// This is a step of stochastic gradient descent over a range of a slab of parameters, four elements per invocation:
//   w ← w − αg
// hyper = [α, λ].
// Where DECAY is set, weights decay by g ← g + λw first.
override DECAY: bool = false;
override SCALED: bool = false;  // whether gradients are multiplied by scale[0]
struct Params { count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> hyper: array<f32>;
@group(0) @binding(2) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> weights: array<vec4f>;
@group(0) @binding(4) var<storage, read> scale: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= p.count / 4u) { return; }
  var g = gradients[i];
  if (SCALED) { g *= scale[0]; }
  let w = weights[i];
  if (DECAY) { g += hyper[1] * w; }
  weights[i] = w - hyper[0] * g;
}
