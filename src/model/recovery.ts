import { DeviceLostError } from '../gpu/errors.js';

/** How many times in a row a run continues after the loss of its device without having saved anything in between. */
export const MAX_RETRIES = 3;

/**
 * Runs `attempt`, and runs it again if its device is lost, at most `MAX_RETRIES` times in a row. Each attempt opens a device and
 * continues from what was saved last. It calls `saved` whenever it has saved something new, which resets the count. `onLost` is called
 * for every loss after which there is another attempt.
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
      if (!(error instanceof DeviceLostError) || losses >= MAX_RETRIES) throw error;
      losses++;
      onLost(error);
    }
  }
}
