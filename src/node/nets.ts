import { BOOLEAN, checked, STRING } from '../gpu/arguments.js';
import { ENGINE, type Engine } from '../gpu/engine.js';
import { type LoadOptions, type LoadReport, load, SAVED, type Saved, save } from '../nets/files.js';
import { readBytes, writeFileAtomic } from './files.js';

/** `save` to a file, which is there whole or not at all; missing folders are made. */
export async function saveNet(...args: [path: string, engine: Engine, saved: Saved]): Promise<void> {
  const [path, engine, saved] = checked('saveNet', { path: STRING, engine: ENGINE, saved: SAVED }, args);
  writeFileAtomic(path, await save(engine, saved));
}

/** `load` from a file, which errors call by its path. */
export async function loadNet(
  ...args: [path: string, engine: Engine, saved: Saved, options?: Omit<LoadOptions, 'name'>]
): Promise<LoadReport> {
  const kinds = { path: STRING, engine: ENGINE, saved: SAVED, 'options?': { 'strict?': BOOLEAN } };
  const [path, engine, saved, options = {}] = checked('loadNet', kinds, args);
  return load(engine, readBytes(path), saved, { ...options, name: path });
}
