declare module '*.wgsl' {
  const source: import('./gpu/shader.js').ShaderSource;
  export default source;
}
