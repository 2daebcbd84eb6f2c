/** A value that must be there: by how the code around it is built, and not by its type, it cannot be absent. */
export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('internal error: a value is missing');
  return value;
}
