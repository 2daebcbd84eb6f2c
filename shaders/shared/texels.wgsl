// The textures that arguments are bound as are 2048 texels wide. texel returns the position of texel t; x_at reads
// texel t of x.
fn texel(t: u32) -> vec2u { return vec2u(t & 2047u, t >> 11u); }
fn x_at(t: u32) -> vec4f { return textureLoad(x, texel(t), 0); }
