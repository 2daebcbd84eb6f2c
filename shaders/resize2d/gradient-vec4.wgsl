// gx[n, a, b, c] = Σ gy[n, i, j, c] · the weight that pixel (a, b) has in pixel (i, j) of the resized image, four channels at a time.
// Here n is the image and c the channel. Every pixel of x gathers from the rows and columns of the resized image in which
// it may have a weight.
struct Params {
  count: u32, channels: u32, height: u32, width: u32, out_height: u32, out_width: u32,
  bilinear: u32, shift: f32, step_h: f32, step_w: f32,
  rate_h: f32, rate_w: f32, gy_offset: u32, gy_stride: u32, gx_offset: u32, gx_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> gx: array<vec4f>;

// #import resize-axis
// #import resize-reach

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let item = 4u * (id.y * groups.x * 64u + id.x);
  if (item >= 4u * p.count) { return; }
  let c = item % p.channels;
  let row = item / p.channels;
  let b = row % p.width;
  let a = row / p.width % p.height;
  let n = row / p.width / p.height;
  let rows = reach(a, p.rate_h, p.height, p.out_height);
  let columns = reach(b, p.rate_w, p.width, p.out_width);
  var sum = vec4f();
  for (var i = rows.x; i < rows.y; i++) {
    let down = share(i, p.step_h, p.height, a);
    if (down < 0.0) { continue; }
    for (var j = columns.x; j < columns.y; j++) {
      let across = share(j, p.step_w, p.width, b);
      if (across < 0.0) { continue; }
      let at = p.gy_offset + ((n * p.out_height + i) * p.out_width + j) * p.gy_stride + c;
      sum += down * across * gy[at / 4u];
    }
  }
  gx[(p.gx_offset + row * p.gx_stride + c) / 4u] = sum;
}
