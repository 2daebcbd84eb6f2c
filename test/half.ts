import { readSafetensors, toFloat32 } from '../src/data/safetensors.js';

/** Returns the number of half precision that is nearest to x, and its bits, for |x| < 65504. */
function half(x: number): { value: number; bits: number } {
  const sign = x < 0 ? 0x8000 : 0;
  const exponent = Math.max(-14, Math.floor(Math.log2(Math.abs(x) || 2 ** -14)));
  const steps = Math.round(Math.abs(x) / 2 ** (exponent - 10));
  // The exponent of a normal number implies 1024 steps; when rounding gives 2048, they carry into the next exponent.
  return { value: (sign ? -1 : 1) * steps * 2 ** (exponent - 10), bits: sign | (((exponent + 14) << 10) + steps) };
}

/** Makes a safetensors file in half precision, and returns the same values in single precision. */
export function halved(file: Uint8Array): { f16: Uint8Array; f32: Uint8Array } {
  const { metadata, tensors } = readSafetensors(file);
  const write = (dtype: string, size: number, put: (view: DataView, at: number, x: number) => void) => {
    const header: Record<string, unknown> = { __metadata__: metadata };
    const bytes: number[] = [];
    for (const [name, tensor] of tensors) {
      const values = toFloat32(tensor);
      const view = new DataView(new ArrayBuffer(size * values.length));
      for (const [i, x] of values.entries()) put(view, size * i, x);
      header[name] = { dtype, shape: tensor.shape, data_offsets: [bytes.length, bytes.length + view.byteLength] };
      for (const b of new Uint8Array(view.buffer)) bytes.push(b);
    }
    const text = new TextEncoder().encode(JSON.stringify(header));
    const length = new Uint8Array(BigUint64Array.of(BigInt(text.length)).buffer);
    return Uint8Array.from([...length, ...text, ...bytes]);
  };
  return {
    f16: write('F16', 2, (view, at, x) => view.setUint16(at, half(x).bits, true)),
    f32: write('F32', 4, (view, at, x) => view.setFloat32(at, half(x).value, true)),
  };
}
