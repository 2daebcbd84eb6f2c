import type { Plugin } from 'esbuild';

export const wgsl: Plugin;
export const rooms: Plugin;
export const engineFirst: (modules: ReadonlySet<string>) => Plugin;
export const viteWgsl: { name: string; load(id: string): Promise<{ code: string; moduleType: 'js' } | undefined> };
