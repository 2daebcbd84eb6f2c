/** Values that the app stores in this browser between visits, if the browser allows it. */

const PREFIX = 'webgpu-pose-gan ';

/** The value stored under this name, or `fallback` if there is none. */
export function recall<T>(name: string, fallback: T): T {
  try {
    const text = localStorage.getItem(PREFIX + name);
    return text === null ? fallback : (JSON.parse(text) as T);
  } catch {
    return fallback;
  }
}

/** Stores a value that can be written as JSON. */
export function remember(name: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // The storage is full or switched off, so the value is not stored.
  }
}
