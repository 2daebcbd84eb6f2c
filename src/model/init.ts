/**
 * Uniform numbers in [0, 1) that depend only on seed, name and index. So parameters have the same initial values on every machine, and
 * in whatever order networks are built. The mixing function is MurmurHash3's finaliser.
 */
function uniformAt(seed: number, name: string): (index: number) => number {
  let key = mix(seed ^ 0x9e3779b9);
  for (let i = 0; i < name.length; i++) key = mix(key ^ name.charCodeAt(i));
  return (index) => {
    const high = mix(mix(index ^ key) + key);
    const low = mix(high ^ 0x85ebca6b);
    return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
  };
}

function mix(x: number): number {
  let h = x | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Glorot-uniform initial values of a kernel [height, width, a, b]: U(±√(6 / (fan in + fan out))) (Glorot & Bengio 2010, Eq. 16). */
export function glorotUniform(
  seed: number,
  name: string,
  [h, w, a, b]: readonly [number, number, number, number],
): (index: number) => number {
  const limit = Math.sqrt(6 / (h * w * (a + b)));
  const uniform = uniformAt(seed, name);
  return (index) => limit * (2 * uniform(index) - 1);
}
