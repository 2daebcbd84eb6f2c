// gx = γ_c·s·(gy − mean(gy) − d·s²·mean(gy·d)), where d = x − μ, s = 1/√(σ² + ε) and the means are over few pixels. One
// invocation computes the four channels 4·l + (0 … 3) of image n; quads = channels / 4.
// stats[n, ·, c] = μ, s, s²; sums[n, ·, c] = Σ gy, Σ gy·d.
// gx is computed as γ_c·s·(r + ε·s²·q·d) with q = Σ gy·d / Σ d² and the residual r = gy − mean(gy) − q·d. In short
// groups r is small beside gy and consists mostly of rounding errors, so the kernel makes it orthogonal to 1 and d once
// more.
struct Params {
  count: u32, quads: u32, pixels: u32, epsilon: f32,
  x_offset: u32, x_stride: u32, gy_offset: u32, gy_stride: u32, gx_offset: u32, gx_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> stats: array<vec4f>;
@group(0) @binding(3) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(4) var<storage, read> gy: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> gx: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> sums: array<vec4f>;

fn x_at(row: u32, l: u32) -> vec4f { return x[(p.x_offset + row * p.x_stride) / 4u + l]; }
fn gy_at(row: u32, l: u32) -> vec4f { return gy[(p.gy_offset + row * p.gy_stride) / 4u + l]; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let t = id.y * groups.x * 64u + id.x;
  if (t >= p.count) { return; }
  let l = t % p.quads;
  let n = t / p.quads;
  let at = 3u * n * p.quads + l;
  let mean = stats[at];
  let scale = gamma[l] * stats[at + p.quads];
  let leak = p.epsilon * stats[at + 2u * p.quads];
  var sum = vec4f();
  var product = vec4f();
  var squares = vec4f();
  for (var row = n * p.pixels; row < (n + 1u) * p.pixels; row++) {
    let gradient = gy_at(row, l);
    let d = x_at(row, l) - mean;
    sum += gradient;
    product += gradient * d;
    squares += d * d;
  }
  sums[2u * n * p.quads + l] = sum;
  sums[(2u * n + 1u) * p.quads + l] = product;
  let size = f32(p.pixels);
  let per_square = select(vec4f(), 1.0 / squares, squares > vec4f());
  let q = product * per_square;
  var rest = vec4f();
  var rest_product = vec4f();
  for (var row = n * p.pixels; row < (n + 1u) * p.pixels; row++) {
    let d = x_at(row, l) - mean;
    let r = gy_at(row, l) - sum / size - q * d;
    rest += r;
    rest_product += r * d;
  }
  for (var row = n * p.pixels; row < (n + 1u) * p.pixels; row++) {
    let d = x_at(row, l) - mean;
    let r = (gy_at(row, l) - sum / size - q * d) - rest / size - rest_product * per_square * d;
    gx[(p.gx_offset + row * p.gx_stride) / 4u + l] = scale * (r + leak * q * d);
  }
}
