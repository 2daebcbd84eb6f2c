// This is Philox4x32-10, the counter-based generator of random numbers (Salmon et al. 2011).
const ROUNDS = 10u;

// Returns the high 32 bits of a·b, computed from 16-bit halves: with a = a₁·2¹⁶ + a₀, and b likewise, no sum overflows.
fn multiply_high(a: u32, b: u32) -> u32 {
  let a0 = a & 0xffffu;
  let a1 = a >> 16u;
  let b0 = b & 0xffffu;
  let b1 = b >> 16u;
  let low = a0 * b1 + ((a0 * b0) >> 16u);
  let middle = a1 * b0 + (low & 0xffffu);
  return a1 * b1 + (low >> 16u) + (middle >> 16u);
}

// Returns four random words for a counter and a key. Each round multiplies two words, permutes the halves of the
// products, and XORs in the other two words and the key. The key then advances by a constant (a Weyl sequence).
fn philox(counter: vec4u, seed: vec2u) -> vec4u {
  var c = counter;
  var key = seed;
  for (var round = 0u; round < ROUNDS; round++) {
    let high = vec2u(multiply_high(0xD2511F53u, c.x), multiply_high(0xCD9E8D57u, c.z));
    let low = vec2u(0xD2511F53u * c.x, 0xCD9E8D57u * c.z);
    c = vec4u(high.y ^ c.y ^ key.x, low.y, high.x ^ c.w ^ key.y, low.x);
    key += vec2u(0x9E3779B9u, 0xBB67AE85u);
  }
  return c;
}
