// y[n, i, j, o] = Σ_{u, v, c} x[n, i·sh + u − top, j·sw + v − left, c] · w[u, v, c, o] + bias[o]
// x is 0 outside the image. n image; i, j output row, column; u, v tap; c, o input, output channel.
// This is the product of a matrix of pixels × K, never stored, and one of K × output channels; k = (u·KW + v)·C + c.
// A workgroup computes 64 pixels × 64 output channels, 16 k a step through workgroup memory; an invocation 4 × 4.
// Workgroup z sums k in [z·chunk, (z + 1)·chunk) and writes the z-th block of rows (splitK; otherwise there is one).
struct Params {
  pixels: u32, H: u32, W: u32, C: u32, Ho: u32, Wo: u32, O: u32, KH: u32, KW: u32,
  sh: u32, sw: u32, top: u32, left: u32, biased: u32, chunk: u32,
  x_offset: u32, x_stride: u32, w_offset: u32, bias_offset: u32, y_offset: u32, y_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

// Four pixels, four channels of each k; a row of 17 keeps the writes of 16 k off one memory bank.
var<workgroup> xs: array<vec4f, 272>;
var<workgroup> ws: array<vec4f, 256>;

fn epilogue(v: f32) -> f32 { return v; }

fn put(row: u32, z: u32, o: u32, value: vec4f) {
  if (row >= p.pixels) { return; }
  for (var q = o; q < min(o + 4u, p.O); q++) {
    var sum = value[q - o];
    if (p.biased != 0u) { sum += bias[p.bias_offset + q]; }
    y[p.y_offset + (z * p.pixels + row) * p.y_stride + q] = epilogue(sum);
  }
}

@compute @workgroup_size(256)
fn main(
  @builtin(local_invocation_index) t: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let tile = group.y * groups.x + group.x;
  let across = (p.O + 63u) / 64u;
  let first = tile / across * 64u;
  if (first >= p.pixels) { return; }
  let o = tile % across * 64u + 4u * (t % 16u);
  let row = first + 4u * (t / 16u);
  // Where tap (0, 0) of the four pixels lies whose x this invocation fetches; above and left of the image it wraps.
  let r = min(row + vec4u(0, 1, 2, 3), vec4u(p.pixels - 1u));
  let image = r / (p.Ho * p.Wo) * p.H;
  let i = r / p.Wo % p.Ho * p.sh - p.top;
  let j = r % p.Wo * p.sw - p.left;
  let channels = min(o + vec4u(0, 1, 2, 3), vec4u(p.O - 1u));
  let start = group.z * p.chunk;
  let end = min(start + p.chunk, p.KH * p.KW * p.C);
  var a0 = vec4f(); var a1 = vec4f(); var a2 = vec4f(); var a3 = vec4f();
  for (var k0 = start; k0 < end; k0 += 16u) {
    let k = k0 + t % 16u;
    let tap = k / p.C;
    let ri = i + tap / p.KW;
    let rj = j + tap % p.KW;
    let within = (ri < vec4u(p.H)) & (rj < vec4u(p.W)) & vec4<bool>(k < end);
    let at = select(vec4u(), p.x_offset + ((image + ri) * p.W + rj) * p.x_stride + k % p.C, within);
    xs[17u * (t % 16u) + t / 16u] = select(vec4f(), vec4f(x[at.x], x[at.y], x[at.z], x[at.w]), within);
    let kw = k0 + t / 16u;
    let b = p.w_offset + min(kw, end - 1u) * p.O + channels;
    ws[t] = select(vec4f(), vec4f(w[b.x], w[b.y], w[b.z], w[b.w]), kw < end);
    workgroupBarrier();
    for (var q = 0u; q < 16u; q++) {
      let a = xs[17u * q + t / 16u];
      let f = ws[16u * q + t % 16u];
      a0 += a.x * f; a1 += a.y * f; a2 += a.z * f; a3 += a.w * f;
    }
    workgroupBarrier();
  }
  put(row, group.z, o, a0); put(row + 1u, group.z, o, a1); put(row + 2u, group.z, o, a2); put(row + 3u, group.z, o, a3);
}
