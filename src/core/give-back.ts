// Releases host resources whatever else fails.
import { SystemError } from "./errors.ts";

/**
 * An end that fails is tried once more: what it gives back is the host's. `fault` is told of what nobody expected,
 * `expected` of system calls that fail, which is no news while a thing goes. Never rejects.
 */
export async function giveBack(
  end: () => void | Promise<void>,
  fault: (e: unknown) => void,
  expected: () => void = () => {},
): Promise<void> {
  for (let tries = 0; tries < 2; tries++) {
    try {
      return await end();
    } catch (e) {
      if (e instanceof SystemError) expected();
      else fault(e);
    }
  }
}
