// y[n, i, j, o] = Σ x[n, h, l, c] · w[u, v, o, c] + bias[o], c, u, v with i = h·sh + u − top, j = l·sw + v − left
// n image; i, j output row, column; h, l input row, column; u, v tap; c, o input, output channel.
// Output rows of one phase, i = f + sh·r, share their taps: u = a + sh·t and h = q + r − t, a and q being remainder and
// quotient of (f + top) / sh; likewise along the columns.
// So each phase is the product of a matrix of its pixels × K and one of K × output channels, K = the phase's taps × C.
// A workgroup computes 64 pixels × 64 output channels, 16 k a step through workgroup memory; an invocation 4 × 4.
// Workgroup z = phase + phases · b sums k in [b·chunk, (b + 1)·chunk) and writes the b-th block of rows (splitK;
// otherwise there is one).
struct Params {
  N: u32, H: u32, W: u32, C: u32, Ho: u32, Wo: u32, O: u32, KH: u32, KW: u32,
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
var<workgroup> ws: array<vec4f, 272>;

fn epilogue(v: f32) -> f32 { return v; }

fn put(block: u32, n: u32, i: u32, j: u32, o: u32, value: vec4f) {
  if (n >= p.N || i >= p.Ho || j >= p.Wo) { return; }
  let row = ((block * p.N + n) * p.Ho + i) * p.Wo + j;
  for (var q = o; q < min(o + 4u, p.O); q++) {
    var sum = value[q - o];
    if (p.biased != 0u) { sum += bias[p.bias_offset + q]; }
    y[p.y_offset + row * p.y_stride + q] = epilogue(sum);
  }
}

@compute @workgroup_size(256)
fn main(
  @builtin(local_invocation_index) t: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let rows = (p.Ho + p.sh - 1u) / p.sh;
  let columns = (p.Wo + p.sw - 1u) / p.sw;
  let tile = group.y * groups.x + group.x;
  let across = (p.O + 63u) / 64u;
  if (tile / across * 64u >= p.N * rows * columns) { return; }
  let phase = group.z % (p.sh * p.sw);
  let block = group.z / (p.sh * p.sw);
  let f = vec2u(phase / p.sw, phase % p.sw);
  let a = vec2u((f.x + p.top) % p.sh, (f.y + p.left) % p.sw);
  let taps = vec2u((p.KH + p.sh - 1u - a.x) / p.sh, (p.KW + p.sw - 1u - a.y) / p.sw);
  // The four pixels of this invocation; the row and column of x that tap t = 0 reads.
  let m = tile / across * 64u + 4u * (t / 16u) + vec4u(0, 1, 2, 3);
  let n = m / (rows * columns);
  let r = m / columns % rows;
  let s = m % columns;
  let h = r + (f.x + p.top) / p.sh;
  let l = s + (f.y + p.left) / p.sw;
  // The four channels whose weights it fetches.
  let fetched = min(tile % across * 64u + 4u * (t / 16u) + vec4u(0, 1, 2, 3), vec4u(p.O - 1u));
  let start = block * p.chunk;
  let end = min(start + p.chunk, taps.x * taps.y * p.C);
  var a0 = vec4f(); var a1 = vec4f(); var a2 = vec4f(); var a3 = vec4f();
  for (var k0 = start; k0 < end; k0 += 16u) {
    let k = min(k0 + t % 16u, end - 1u);
    let live = k0 + t % 16u < end;
    let c = k % p.C;
    let tap = vec2u(k / p.C / taps.y, k / p.C % taps.y);
    // Above and left of the image the position wraps to a large number, so that one comparison checks both ends.
    let hh = h - tap.x;
    let ll = l - tap.y;
    let within = (n < vec4u(p.N)) & (hh < vec4u(p.H)) & (ll < vec4u(p.W)) & vec4<bool>(live);
    let at = select(vec4u(), p.x_offset + ((n * p.H + hh) * p.W + ll) * p.x_stride + c, within);
    xs[17u * (t % 16u) + t / 16u] = select(vec4f(), vec4f(x[at.x], x[at.y], x[at.z], x[at.w]), within);
    let u = a + vec2u(p.sh, p.sw) * tap;
    let b = p.w_offset + ((u.x * p.KW + u.y) * p.O + fetched) * p.C + c;
    ws[17u * (t % 16u) + t / 16u] = select(vec4f(), vec4f(w[b.x], w[b.y], w[b.z], w[b.w]), live);
    workgroupBarrier();
    for (var q = 0u; q < 16u; q++) {
      let v = xs[17u * q + t / 16u];
      let g = ws[17u * q + t % 16u];
      a0 += v.x * g; a1 += v.y * g; a2 += v.z * g; a3 += v.w * g;
    }
    workgroupBarrier();
  }
  let i = f.x + p.sh * r;
  let j = f.y + p.sw * s;
  let o = tile % across * 64u + 4u * (t % 16u);
  put(block, n.x, i.x, j.x, o, a0); put(block, n.y, i.y, j.y, o, a1);
  put(block, n.z, i.z, j.z, o, a2); put(block, n.w, i.w, j.w, o, a3);
}
