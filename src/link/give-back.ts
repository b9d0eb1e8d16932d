// What a link took of the host goes back whatever else goes wrong.
import { SystemError } from "../core/errors.ts";

/**
 * An end that fails is tried once more: what it gives back is the host's. `fault` is told of what nobody expected; that a system
 * call fails while a thing goes is no news. Never rejects.
 */
export async function giveBack(end: () => void | Promise<void>, fault: (e: unknown) => void): Promise<void> {
  for (let tries = 0; tries < 2; tries++) {
    try {
      return await end();
    } catch (e) {
      if (!(e instanceof SystemError)) fault(e);
    }
  }
}
