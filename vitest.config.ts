import { defineConfig } from 'vitest/config';
import { viteWgsl } from './scripts/plugins.mjs';

export default defineConfig({
  plugins: [viteWgsl],
  test: {
    include: ['test/**/*.test.ts'],
    // One process: the software adapters use every core by themselves, and process.env must be the real environment.
    pool: 'forks',
    maxWorkers: 1,
    isolate: false,
    // What was tuned on this machine must not choose the kernels that are tested.
    env: { POSE_GAN_TUNING: 'off' },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    globalSetup: ['test/adapter.ts'],
  },
});
