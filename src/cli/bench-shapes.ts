import { knownOp } from '../bench/ops.js';
import { ownCases } from '../bench/own-shapes/cases.js';
import type { Engine } from '../gpu/engine.js';
import { UsageError } from '../gpu/errors.js';
import type { Room } from '../kernels/room.js';
import { rooms } from '../kernels/rooms.js';
import { asksForKernel } from './bench-kernel.js';
import type { Values } from './command.js';
import { required } from './values.js';

/** Whether the arguments ask to time our own kernels on shapes of the user's. */
export function isOwnShapes(values: Values): boolean {
  if (values.case === undefined || values.kernel !== undefined || values.contract !== undefined) return false;
  const { case: _, op: __, ...others } = values;
  if (asksForKernel(others))
    throw new UsageError(
      '--case without --kernel times our own kernels, for which only --op and the options of bench apply',
    );
  required(values, 'op');
  return true;
}

/** The rooms with the cases of `--case` alone, and the values of the names in their shapes by case. */
export function ownRooms(
  values: Values,
  { device }: Engine,
): { rooms: readonly Room[]; at: ReadonlyMap<string, Readonly<Record<string, number>>> } {
  const own = ownCases(knownOp(rooms, required(values, 'op')), values.case as string[], device.limits);
  return {
    rooms: rooms.map((room) => ({ ...room, bench: own.flatMap((o) => (o.room === room ? [o.c] : [])) })),
    at: new Map(own.map(({ c, at }) => [c.name, at])),
  };
}
