import { at, type Nd, nd } from '../oracle.js';

/** Bit h of pixel (i, j) is set if a·x + b·y + c ≥ −0.001 there for all four half-planes of part h. */
export function forward(planes: Nd, height: number, width: number, scale: number): Nd {
  const [n = 0, parts = 0] = planes.shape;
  return nd([n, height, width], (k) => {
    const image = Math.floor(k / (height * width));
    const x = scale * (k % width) + (scale - 1) / 2;
    const y = scale * (Math.floor(k / width) % height) + (scale - 1) / 2;
    let bits = 0;
    for (let h = 0; h < parts; h++) {
      const plane = (e: number) => at(planes, (image * parts + h) * 12 + e);
      const inside = [0, 3, 6, 9].every((e) => plane(e) * x + plane(e + 1) * y + plane(e + 2) >= -1e-3);
      if (inside) bits += 2 ** h;
    }
    return bits;
  });
}
