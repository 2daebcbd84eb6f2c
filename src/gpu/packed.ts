import type { ShaderBinding, ShaderParam, ShaderSource } from './shader.js';

/** Splits `a x,b y` into [['a', 'x'], ['b', 'y']]. */
const pairs = (text: string) => (text ? text.split(',').map((pair) => pair.split(' ')) : []);

/**
 * The build turns a `.wgsl` file into a call of this function. The interface is in short texts of `NAME TYPE` separated by commas,
 * because they are downloaded with every kernel. A binding without a type is read-only storage, and a number without a type is u32.
 * Bindings are numbered from 0, and every number of the uniform variable takes four bytes.
 */
export function packed(
  code: string,
  entryPoint: string,
  bindings: string,
  params: string,
  overrides = '',
  enables = '',
): ShaderSource {
  return {
    ...{ code, entryPoint },
    bindings: pairs(bindings).map(
      ([name, type = 'read-only-storage'], index) => ({ index, name, type }) as ShaderBinding,
    ),
    params: pairs(params).map(([name, type = 'u32'], i) => ({ name, type, offset: 4 * i }) as ShaderParam),
    paramBytes: 4 * pairs(params).length,
    overrides: pairs(overrides).map(([name = '']) => ({ name })),
    enables: pairs(enables).map(([name = '']) => name),
  };
}
