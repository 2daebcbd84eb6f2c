// y[k · parts + j] = Σ x_k[i]² over the blocks j, j + parts, … of 1024 neighbouring elements of tensor k, computed by
// workgroup (j, k). Invocation me adds elements me, me + 256, me + 512 and me + 768 of every block; then tree_sum adds
// the sums of the invocations.
struct Params { parts: u32, n0: u32, n1: u32, n2: u32, n3: u32, n4: u32, n5: u32, y_offset: u32 }
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
// #import tree-sum

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) me: u32) {
  let n = size(group.y);
  var sum = 0.0;
  for (var block = group.x * 1024u; block < n; block += p.parts * 1024u) {
    for (var i = block + me; i < min(block + 1024u, n); i += 256u) {
      let v = element(group.y, i);
      sum += v * v;
    }
  }
  tree_sum(me, sum);
  if (me == 0u) { y[p.y_offset + group.y * p.parts + group.x] = sums[0]; }
}
