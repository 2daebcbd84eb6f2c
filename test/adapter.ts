import { open } from '../src/node.js';

/** Prints which adapter the suite runs on. Without an adapter it fails at once and says what to do. */
export default async function setup(): Promise<void> {
  const engine = await open({ tuning: false });
  console.log(`adapter: ${engine.adapterName}`);
  engine.device.destroy();
}
