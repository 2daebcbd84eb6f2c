// The statistics of a lane of four channels, from the mean and variance of each.
// #import norm-scales

// Mean, inverse scale and coefficient k. In sample mode the four channels are joined (Chan et al.), and all have the same.
struct Norm { mean: vec4f, inverse: vec4f, k: vec4f }

fn norm_of(mean: vec4f, variance: vec4f) -> Norm {
  var joint = mean;
  var squares = variance;
  if (p.sample == 1u) {
    joint = vec4f(mean.x + dot(mean - mean.x, vec4f(0.25)));
    let d = mean - joint;
    squares = vec4f(dot(variance + d * d, vec4f(0.25)));
  }
  let s = scales(squares);
  return Norm(joint, s[0], s[1]);
}

// Stores them as those of lane l in image n: stats[n, ·, g], one group g a channel or (sample mode) one in all.
fn put_stats(n: u32, l: u32, norm: Norm) {
  for (var i = 0u; i < min(4u, p.norm_groups); i++) {
    let g = 4u * l + i;
    stats[(3u * n) * p.norm_groups + g] = norm.mean[i];
    stats[(3u * n + 1u) * p.norm_groups + g] = norm.inverse[i];
    stats[(3u * n + 2u) * p.norm_groups + g] = norm.k[i];
  }
}
