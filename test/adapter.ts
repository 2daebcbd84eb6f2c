import { open } from '../src/node.js';

/** Says which adapter the suite runs on, and fails at once, with the fix, when there is none. */
export default async function setup(): Promise<void> {
  const engine = await open({ tuning: false });
  console.log(`adapter: ${engine.adapterName}`);
  engine.device.destroy();
}
