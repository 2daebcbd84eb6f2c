import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The files that take longest, in the order in which they begin; with the others after them, two processes end at about the same time. */
const LONGEST = [
  'rooms',
  'browser/rooms',
  'web/train',
  'browser/model',
  'run-faults',
  'run',
  'cli-faults',
  'start',
  'web/kernels',
  'web/pose',
  'fuzz',
  'bench-tfjs',
  'user-kernel',
  'bench',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const at = LONGEST.indexOf(relative(import.meta.dirname, moduleId).replace('.test.ts', ''));
      return at < 0 ? LONGEST.length : at;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}
