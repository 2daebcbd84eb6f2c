import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rooms } from '../../src/kernels/rooms.js';
import { allCases } from '../room-checks.js';
import { Session } from './session.js';

let session: Session;
/** The number of cases that are still to run. */
let left = rooms.reduce((n, room) => n + allCases(room).length, 0);
beforeAll(async () => {
  session = await Session.open();
});
afterAll(async () => {
  try {
    // When `-t` leaves cases out, the check that every variant has run is impossible.
    if (left === 0) await expectEveryVariant();
    expect(session.complaints).toEqual([]);
  } finally {
    await session.close();
  }
});

/** Every variant has run, except those for subgroups in browsers without subgroups of a fixed size. */
async function expectEveryVariant(): Promise<void> {
  const { variants, subgroups } = await session.check('missed');
  expect(
    variants.filter((v) => subgroups || !/\/subgroup/.test(v)),
    'variants that no case ran',
  ).toEqual([]);
}

test('the page has every room', async () => {
  expect(await session.check('rooms')).toEqual(rooms.map((r) => ({ name: r.name, cases: allCases(r).length })));
});

/** The largest kernels take long to compile while other work uses the cores. */
const PATIENCE = 300_000;

// Every kernel runs in the page in the first case that it can run. This shows that the browser accepts its WGSL, and that the page loads,
// compiles and launches it. test/rooms.test.ts runs all cases with all kernels on the same SwiftShader. What is left to chance is a
// fault in the browser's version of the WGSL compiler that appears only for other constants of a kernel; test/browser/model.test.ts,
// which trains in the page and checks reference files there, would show some of those.
describe.each(rooms.map((r) => [r.name, r] as const))('%s', (name, room) => {
  test.each(allCases(room).map((c, i) => [c.name, i] as const))(
    '%s',
    async (_, i) => {
      expect(await session.check('checkCase', name, i)).toEqual([]);
      left--;
    },
    PATIENCE,
  );
});

test('the page refuses what Node refuses', async () => {
  expect(await session.check('refusals')).toEqual([]);
});
