// Rule 7 for what the peer sends: what is thrown ends the owner of the scope, but for a DecodeError, which ends nothing.
import { DecodeError } from "../../core/errors.ts";
import type { Scope } from "../../core/scope.ts";

/** Throws DecodeError. */
export function decoding(scope: Scope, f: () => void): void {
  const bad: DecodeError[] = [];
  scope.run(() => {
    try {
      f();
    } catch (e) {
      if (!(e instanceof DecodeError)) throw e;
      bad.push(e);
    }
  });
  for (const e of bad) throw e;
}
