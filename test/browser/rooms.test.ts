import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rooms } from '../../src/kernels/rooms.js';
import { allCases } from '../room-checks.js';
import { Session } from './session.js';

let session: Session;
beforeAll(async () => {
  session = await Session.open();
});
afterAll(async () => {
  expect(session.complaints).toEqual([]);
  await session.close();
});

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
    },
    PATIENCE,
  );
});

test('refuses what Node refuses', async () => {
  expect(await session.check('refusals')).toEqual([]);
});

test('every variant has run, but those for subgroups where the browser has none of one size', async () => {
  const { variants, subgroups } = await session.check('missed');
  expect(variants.filter((v) => subgroups || !/\/subgroup/.test(v))).toEqual([]);
});
