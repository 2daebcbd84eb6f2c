// norm_of computes the statistics of a lane of four channels from the mean and variance of each.
// #import norm-scales

// A Norm holds the mean, the inverse scale and the coefficient k of the gradient. In sample mode the four channels are
// combined (Chan et al.), and all have the same values.
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

// Stores the Norm of lane l in image n in stats[n, ·, g]. There is one group g per channel, or in sample mode a single
// one.
fn put_stats(n: u32, l: u32, norm: Norm) {
  for (var i = 0u; i < min(4u, p.norm_groups); i++) {
    let g = 4u * l + i;
    stats[(3u * n) * p.norm_groups + g] = norm.mean[i];
    stats[(3u * n + 1u) * p.norm_groups + g] = norm.inverse[i];
    stats[(3u * n + 2u) * p.norm_groups + g] = norm.k[i];
  }
}
