// y[k · parts + j] = Σ x_k[i]² over the blocks j, j + parts, … of 1024 neighbouring elements of tensor k, computed by
// workgroup (j, k). Invocation me adds elements 4me … 4me + 3 of every block; then tree_sum adds the sums of the
// invocations. Sizes are multiples of 4.
struct Params { parts: u32, n0: u32, n1: u32, n2: u32, n3: u32, n4: u32, n5: u32, y_offset: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x0: array<vec4f>;
@group(0) @binding(2) var<storage, read> x1: array<vec4f>;
@group(0) @binding(3) var<storage, read> x2: array<vec4f>;
@group(0) @binding(4) var<storage, read> x3: array<vec4f>;
@group(0) @binding(5) var<storage, read> x4: array<vec4f>;
@group(0) @binding(6) var<storage, read> x5: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> y: array<f32>;

// Returns elements 4i … 4i + 3 of tensor k, where k is the same in the whole workgroup.
fn element(k: u32, i: u32) -> vec4f {
  switch k {
    case 0u: { return x0[i]; }
    case 1u: { return x1[i]; }
    case 2u: { return x2[i]; }
    case 3u: { return x3[i]; }
    case 4u: { return x4[i]; }
    default: { return x5[i]; }
  }
}

// #import tensor-size
// #import tree-sum

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) me: u32) {
  let n = size(group.y) / 4u;
  var sum = vec4f();
  for (var i = group.x * 256u + me; i < n; i += p.parts * 256u) {
    let v = element(group.y, i);
    sum += v * v;
  }
  tree_sum(me, (sum.x + sum.z) + (sum.y + sum.w));
  if (me == 0u) { y[p.y_offset + group.y * p.parts + group.x] = sums[0]; }
}
