// Where texel t of an argument that is bound as a texture is, and that of x; the textures are 2048 texels wide.
fn texel(t: u32) -> vec2u { return vec2u(t & 2047u, t >> 11u); }
fn x_at(t: u32) -> vec4f { return textureLoad(x, texel(t), 0); }
