import type { Engine } from '../gpu/engine.js';
import { AdapterError, UsageError } from '../gpu/errors.js';
import { refuseImports } from '../gpu/imports.js';
import { type Shader, shader } from '../gpu/shader.js';

/** WGSL extensions that need a feature of the device. */
const FEATURES: Readonly<Record<string, string>> = { f16: 'shader-f16', subgroups: 'subgroups' };

/** The default values of a shader's override constants, as far as they are whole numbers that only constants decide. */
export async function defaultsOf({ label, code }: Shader): Promise<Record<string, number>> {
  const [{ resolveWgsl }, { evaluate }] = await Promise.all([
    import('../gpu/wgsl-names.js'),
    import('./sanitizer/evaluate.js'),
  ]);
  const { ast, bindings } = resolveWgsl(label, code);
  const found: Record<string, number> = {};
  for (const d of ast.moduleElem.decls) {
    const value = d.kind === 'override' && d.init ? evaluate(d.init, bindings, {}) : undefined;
    if (d.kind === 'override' && value !== undefined) found[d.name.decl.ident.originalName] = value;
  }
  return found;
}

/**
 * Reads the interface of an entry point in a kernel author's WGSL. The device's compiler checks the text first. Throws
 * `ShaderError` with line and caret, `AdapterError` for a feature that the device lacks, and `UsageError` that names the file
 * for an interface that the engine cannot bind.
 */
export async function readKernel(engine: Engine, file: string, text: string, entry?: string): Promise<Shader> {
  const { parseWgsl } = await import('../gpu/wgsl.js');
  // Some editors begin a file with a byte order mark, which is not part of WGSL.
  const code = text.replace(/^\uFEFF/, '');
  refuseImports(file, code);
  const label = entry === undefined ? file : `${file} (${entry})`;
  const parsed = parseWgsl(file, code);
  for (const extension of parsed.enables) {
    const feature = FEATURES[extension];
    if (feature && !engine.device.features.has(feature as GPUFeatureName))
      throw new AdapterError(
        `${file} says "enable ${extension};", which needs the feature ${feature}; ` +
          `the adapter ${engine.adapterName} does not have it. ` +
          `Choose another with --adapter; pose-gan doctor lists them.`,
      );
  }
  await engine.checkShader(label, code);
  if (parsed.problem)
    throw new UsageError(
      `${parsed.problem}. The device's compiler accepts the file, but the parser that reads its interface does not; ` +
        'write this line differently',
    );
  return shader(label, parsed.source(entry));
}
