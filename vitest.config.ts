import { defineConfig } from 'vitest/config';
import { viteWgsl } from './scripts/plugins.mjs';
import { LongestFirst } from './test/order.js';

export default defineConfig({
  plugins: [viteWgsl],
  test: {
    include: ['test/**/*.test.ts'],
    // Processes, so that process.env is the real environment. Compiling a kernel on a software adapter takes one core, so two processes
    // use two; each keeps one device for all its files (test/gpu.ts).
    pool: 'forks',
    maxWorkers: 2,
    isolate: false,
    sequence: { sequencer: LongestFirst },
    // What was tuned on this machine must not choose the kernels that are tested.
    env: { POSE_GAN_TUNING: 'off' },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // A page on a software adapter may need seconds where another takes milliseconds, while other work uses the cores.
    expect: { poll: { timeout: 30_000 } },
    globalSetup: ['test/adapter.ts', 'test/built-app.ts'],
  },
});
