import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { prepare } from '../src/bench/check-case.js';
import { rooms as shiftRooms } from '../src/bench/shift2d/cases.js';
import type { Engine } from '../src/gpu/engine.js';
import { type Nd, nd, testNormal, testRandom } from '../src/kernels/oracle.js';
import { rooms as opRooms, roomsOf } from '../src/kernels/rooms.js';
import { dot, norm } from './compare.js';
import { sharedEngine } from './gpu.js';
import { allCases, checkCase, checkRefusal } from './room-checks.js';

/** The library's ops, and one that only a composition of the benchmark needs. */
const all = [...opRooms, ...shiftRooms];

/** The folder that `npm run test:quick` names. Without one, all rooms are tested. */
const only = process.env.POSE_GAN_ROOM;
const rooms = only === undefined ? all : roomsOf(only);

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

/** The variants that exist, those that some case ran, and the number of cases that are still to run. */
const known = new Set<string>();
const ran = new Set<string>();
let left = rooms.reduce((n, room) => n + allCases(room).length, 0);

describe.each(rooms.map((r) => [r.name, r] as const))('%s', (_, room) => {
  test.concurrent.each(allCases(room).map((c) => [c.name, c] as const))(
    '%s: every variant equals the oracle',
    async (_name, c) => {
      const report = await checkCase(engine, room, c);
      for (const name of report.known) known.add(name);
      for (const name of report.ran) ran.add(name);
      left--;
      expect(report.problems).toEqual([]);
    },
  );

  if (room.backward) {
    const smooth = room.cases.filter((c) => !c.kink);
    test.each(smooth.map((c) => [c.name, c] as const))(
      '%s: the oracle’s gradient equals finite differences',
      (_name, c) => {
        const p = prepare(room, c);
        const step = 1e-6;
        for (const [name, g] of Object.entries(p.gradients)) {
          for (let seed = 0; seed < 3; seed++) {
            const random = testRandom(100 + seed);
            const v = nd(g.shape, () => testNormal(random));
            const moved = (sign: number) => {
              const x = p.inputs[name] as Nd;
              const inputs = {
                ...p.inputs,
                [name]: nd(x.shape, (i) => (x.data[i] as number) + sign * step * (v.data[i] as number)),
              };
              const y = room.forward(inputs, c.attrs);
              return Object.entries(p.gy).reduce((s, [n, gy]) => s + dot(gy, y[n] as Nd), 0);
            };
            const numeric = (moved(1) - moved(-1)) / (2 * step);
            const scale = (norm(g) * norm(v)) / Math.sqrt(v.data.length) + 1e-3;
            expect(Math.abs(numeric - dot(g, v)) / scale, `g_${name} of ${c.name}`).toBeLessThan(1e-5);
          }
        }
      },
    );
  }

  if (room.refuses.length)
    test.each(room.refuses.map((r) => [String(r.error), r] as const))('refuses with %s', (_name, r) => {
      expect(checkRefusal(room, r)).toBeUndefined();
    });
  else test('the room lists calls that must be refused', () => expect(room.refuses.length).toBeGreaterThan(0));
});

afterAll(() => {
  // Some variants run only in cases of another room, so the check is impossible when `-t` leaves cases out.
  if (left > 0 || only !== undefined) return;
  const missed = [...known].filter((v) => !ran.has(v));
  expect(missed, 'variants that no case ran').toEqual([]);
});
