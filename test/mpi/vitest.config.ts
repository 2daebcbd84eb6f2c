import { defineConfig } from 'vitest/config';
import { viteWgsl } from '../../scripts/plugins.mjs';

/** The tests that start processes with mpirun, which `npm test` does not need. */
export default defineConfig({
  plugins: [viteWgsl],
  test: {
    include: ['test/mpi/*.mpi.ts'],
    env: { POSE_GAN_TUNING: 'off' },
    testTimeout: 900_000,
    hookTimeout: 900_000,
  },
});
