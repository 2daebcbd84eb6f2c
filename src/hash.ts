/**
 * A 64-bit hash of 32-bit words as 16 hexadecimal digits: two lanes of FNV-1a. It tells contents apart, but does not protect against
 * forgery.
 */
export function hashWords(words: Uint32Array): string {
  let a = 0x811c9dc5;
  let b = 0x9e3779b9;
  for (let i = 0; i < words.length; i++) {
    a = Math.imul(a ^ (words[i] as number), 0x01000193);
    b = Math.imul(b ^ (words[i] as number), 0x85ebca6b) ^ (a >>> 15);
  }
  const hex = (n: number) => (n >>> 0).toString(16).padStart(8, '0');
  return hex(a) + hex(b);
}

/** The same hash of the UTF-16 units of a text. */
export function hashText(text: string): string {
  return hashWords(Uint32Array.from({ length: text.length }, (_, i) => text.charCodeAt(i)));
}
