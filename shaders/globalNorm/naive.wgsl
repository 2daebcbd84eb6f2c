// y[k · parts + j] = Σ x_k[i]² over the blocks j, j + parts, … of 1024 neighbouring elements of tensor k. One
// invocation computes one sum.
struct Params { count: u32, parts: u32, n0: u32, n1: u32, n2: u32, n3: u32, n4: u32, n5: u32, y_offset: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x0: array<f32>;
@group(0) @binding(2) var<storage, read> x1: array<f32>;
@group(0) @binding(3) var<storage, read> x2: array<f32>;
@group(0) @binding(4) var<storage, read> x3: array<f32>;
@group(0) @binding(5) var<storage, read> x4: array<f32>;
@group(0) @binding(6) var<storage, read> x5: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<f32>;

// #import tensor-element
// #import tensor-size

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let t = id.y * groups.x * 64u + id.x;
  if (t >= p.count) { return; }
  let k = t / p.parts;
  let n = size(k);
  var sum = 0.0;
  for (var block = (t % p.parts) * 1024u; block < n; block += p.parts * 1024u) {
    for (var i = block; i < min(block + 1024u, n); i++) {
      let v = element(k, i);
      sum += v * v;
    }
  }
  y[p.y_offset + t] = sum;
}
