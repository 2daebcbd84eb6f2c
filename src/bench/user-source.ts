import { PoseGanError, UsageError } from '../gpu/errors.js';
import { type Shader, shader } from '../gpu/shader.js';

/** WGSL without comments; line breaks stay. */
const bare = (code: string) =>
  code.replace(/\/\/[^\n]*/g, '').replace(/\/\*[\s\S]*?\*\//g, (c) => c.replace(/[^\n]/g, ''));

/**
 * Reads a kernel author's WGSL: its interface as for our own shaders, with the entry point of their choice and
 * without the
 * variables that the entry point never uses, which have no binding in its pipeline. Throws `UsageError` that names
 * the file.
 */
export function readKernel(file: string, code: string, entry?: string): Shader {
  const text = bare(code);
  const entries = [...text.matchAll(/@compute[^{]*?\bfn\s+(\w+)/g)].map((m) => m[1] as string);
  if (!entries.length) throw new UsageError(`${file}: no @compute function`);
  if (entry !== undefined && !entries.includes(entry))
    throw new UsageError(`${file} has no @compute function ${entry}; it has ${entries.join(', ')}`);
  let read: Shader;
  try {
    read = shader(entry === undefined ? file : `${file} (${entry})`, code);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof PoseGanError) throw error;
    throw new UsageError(error.message);
  }
  const declared = [...text.matchAll(/\bvar\s*<\s*(?:uniform|storage)\b[^>]*>\s*(\w+)/g)].map((m) => m[1] as string);
  const missed = declared.find((name) => !read.bindings.some((b) => b.name === name));
  if (missed)
    throw new UsageError(
      `${file}: the binding of variable ${missed} was not understood; write ` +
        `@group(0) @binding(NUMBER) var<storage, read> ${missed}: array<f32>;`,
    );
  const uniforms = read.bindings.filter((b) => b.type === 'uniform');
  if (uniforms.length > 1)
    throw new UsageError(`${file}: one var<uniform> of type Params is all, got ${uniforms.length}`);
  if (uniforms.length && !read.params.length)
    throw new UsageError(`${file}: ${uniforms[0]?.name} is a uniform, but there is no struct Params { … } with fields`);
  const entryPoint = entry ?? read.entryPoint;
  const used = reachable(text, entryPoint);
  return { ...read, entryPoint, bindings: read.bindings.filter((b) => used.has(b.name)) };
}

/** Every word in the functions that `entry` may call. */
function reachable(text: string, entry: string): Set<string> {
  const starts = [...text.matchAll(/\bfn\s+(\w+)/g)];
  const bodies = new Map(
    starts.map((m, i) => [m[1] as string, text.slice(m.index + m[0].length, starts[i + 1]?.index ?? text.length)]),
  );
  const words = new Set<string>([entry]);
  // A set is iterated over what is added to it meanwhile.
  for (const word of words) {
    const body = bodies.get(word);
    bodies.delete(word);
    // Between two functions there may be declarations of variables, which use nothing.
    const code = body?.replace(/@group[^;]*;/g, '') ?? '';
    for (const m of code.matchAll(/[A-Za-z_]\w*/g)) words.add(m[0]);
  }
  return words;
}
