import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rooms } from '../../src/kernels/rooms.js';
import { allCases } from '../room-checks.js';
import { Session } from './session.js';

let session: Session;
/** Cases that are still to run. */
let left = rooms.reduce((n, room) => n + allCases(room).length, 0);
beforeAll(async () => {
  session = await Session.open();
});
afterAll(async () => {
  try {
    // When `-t` leaves cases out, nothing can be said of the variants that none of the others ran.
    if (left === 0) await expectEveryVariant();
    expect(session.complaints).toEqual([]);
  } finally {
    await session.close();
  }
});

/** Every variant has run, but those for subgroups where the browser has none of one size. */
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

/** The largest kernels take long to compile where other work uses the cores. */
const PATIENCE = 300_000;

// Every case by the rule's choice of kernels, every kernel in the first case that it fits; test/rooms.test.ts runs all by all.
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

test('refuses what Node refuses', async () => {
  expect(await session.check('refusals')).toEqual([]);
});
