// This is a step of stochastic gradient descent with momentum μ over a range of a slab of parameters, one element per
// invocation:
//   v ← μv + (1 − τ)g,   w ← w − αv
// where τ is the dampening, which is 0 in the first step. With Nesterov's momentum, w ← w − α(g + μv).
// hyper = [α, λ, μ, 1 − τ]. Where DECAY is set, weights decay by g ← g + λw first.
override DECAY: bool = false;
override NESTEROV: bool = false;
override SCALED: bool = false;  // whether gradients are multiplied by scale[0]
struct Params { count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> hyper: array<f32>;
@group(0) @binding(2) var<storage, read> gradients: array<f32>;
@group(0) @binding(3) var<storage, read_write> weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> velocity: array<f32>;
@group(0) @binding(5) var<storage, read> scale: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= p.count) { return; }
  var g = gradients[i];
  if (SCALED) { g *= scale[0]; }
  let w = weights[i];
  if (DECAY) { g += hyper[1] * w; }
  let v = hyper[2] * velocity[i] + hyper[3] * g;
  velocity[i] = v;
  var step = v;
  if (NESTEROV) { step = g + hyper[2] * v; }
  weights[i] = w - hyper[0] * step;
}
