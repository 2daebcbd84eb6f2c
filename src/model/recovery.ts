import { DeviceLostError } from '../gpu/errors.js';

/** How often in a row a run goes on after its device was lost, without anything saved in between. */
export const RETRIES = 3;

/**
 * Runs `attempt` again, a few times in a row, when its device is lost: it opens another one and goes on from what was saved
 * last. It calls `saved` whenever it has saved something new, and the count begins anew. `onLost` hears of every loss that is
 * recovered from.
 */
export async function withRecovery<T>(
  attempt: (saved: () => void) => Promise<T>,
  onLost: (error: DeviceLostError) => void,
): Promise<T> {
  let losses = 0;
  for (;;) {
    try {
      return await attempt(() => {
        losses = 0;
      });
    } catch (error) {
      if (!(error instanceof DeviceLostError) || losses >= RETRIES) throw error;
      losses++;
      onLost(error);
    }
  }
}
