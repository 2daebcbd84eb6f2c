import type { Engine } from '../src/gpu/engine.js';
import { open } from '../src/node.js';

let engine: Promise<Engine> | undefined;

/** The engine that the whole suite shares, so that every pipeline is compiled once. */
export function sharedEngine(): Promise<Engine> {
  engine ??= open({ tuning: false });
  return engine;
}
