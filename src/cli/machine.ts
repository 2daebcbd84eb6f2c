import { cpus } from 'node:os';

/** The properties of the machine on which times depend. */
export function machine(): Record<string, string | number> {
  const all = cpus();
  const model = all[0]?.model.trim() || 'unknown';
  return { platform: `${process.platform} ${process.arch}`, cpus: `${all.length} × ${model}`, node: process.version };
}
