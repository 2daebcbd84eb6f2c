import { PoseGanError } from '../../src/gpu/errors.js';
import type { Target } from './targets.js';

const examples = [Uint8Array.of(1, 2, 3)];

/** These parsers have one fault each, to test the fuzzer with --only faulty. */
export const faultyTargets: readonly Target[] = [
  {
    name: 'throws',
    examples,
    parse: () => {
      throw new TypeError('a bare error');
    },
  },
  { name: 'gives nonsense', examples, parse: () => 'three eyes' },
  {
    name: 'names no file',
    examples,
    parse: () => {
      throw new PoseGanError('it is damaged');
    },
  },
  {
    name: 'takes long',
    examples,
    parse: () => {
      // The clock is read seldom, as reading it takes time of the system's.
      for (const start = process.cpuUsage(); process.cpuUsage(start).user < 1.3e6; ) for (let i = 0; i < 1e6; i++);
      return undefined;
    },
  },
  {
    name: 'takes much',
    examples,
    parse: () => (new Uint8Array(300e6).fill(1).length > 0 ? undefined : 'nothing'),
  },
  {
    name: 'never ends',
    examples,
    parse: () => {
      for (;;);
    },
  },
];
