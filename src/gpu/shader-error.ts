import { ShaderError } from './errors.js';

/** The line breaks of WGSL. */
const LINE_BREAK = /\r\n|[\n\v\f\r\u0085\u2028\u2029]/;

/** A compile error that shows the line, with a caret below the column. */
export function shaderError(code: string, label: string, message: GPUCompilationMessage | undefined): ShaderError {
  if (!message) return new ShaderError(label, 'the shader does not compile, and the adapter gives no message');
  const line = code.split(LINE_BREAK)[message.lineNum - 1];
  const caret = `${' '.repeat(Math.max(0, message.linePos - 1))}^`;
  const excerpt = line === undefined ? '' : `\n  ${line}\n  ${caret}`;
  return new ShaderError(
    label,
    `line ${message.lineNum}:${message.linePos}: ${message.message}${excerpt}`,
    message.lineNum,
    message.linePos,
  );
}
