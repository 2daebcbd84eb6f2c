/** What the app keeps in this browser from one visit to the next; nothing where that is not allowed. */

const PREFIX = 'webgpu-pose-gan ';

/** What was remembered under this name. */
export function recall<T>(name: string, fallback: T): T {
  try {
    const text = localStorage.getItem(PREFIX + name);
    return text === null ? fallback : (JSON.parse(text) as T);
  } catch {
    return fallback;
  }
}

/** Keeps a value that JSON can hold. */
export function remember(name: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Full, or switched off: then it is forgotten.
  }
}
