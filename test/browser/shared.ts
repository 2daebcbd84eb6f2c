import { open } from '../../src/browser.js';
import type { Engine } from '../../src/gpu/engine.js';

let engine: Promise<Engine> | undefined;

/** Returns an engine that the calls of a page share, so that every kernel is compiled once. */
export const sharedEngine = (): Promise<Engine> => (engine ??= open({ tuning: false }));
