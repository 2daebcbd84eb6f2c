// These functions read or write four neighbouring channels from element e on, of which the first `left` exist.
// Where the length of a row is not a multiple of four, src/kernels/conv2d/tiles.ts replaces them.
fn x4(e: u32, left: u32) -> vec4f { return x[e / 4u]; }
fn w4(e: u32, left: u32) -> vec4f { return w[e / 4u]; }
fn bias4(e: u32, left: u32) -> vec4f { return bias[e / 4u]; }
fn setY(e: u32, left: u32, v: vec4f) { y[e / 4u] = v; }

// Returns sum + Σ_k v[k] · f[k].
fn plus(sum: vec4f, v: vec4f, f: mat4x4f) -> vec4f {
  return fma(vec4f(v.w), f[3], fma(vec4f(v.z), f[2], fma(vec4f(v.y), f[1], fma(vec4f(v.x), f[0], sum))));
}

fn store(at: u32, o: u32, value: vec4f) {
  if (o >= p.O) { return; }
  var s = value;
  if (p.biased != 0u) { s += bias4(p.bias_offset + o, p.O - o); }
  setY(at + o, p.O - o, s);
}
