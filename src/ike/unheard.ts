// What does not get through: nothing ever came back from the other side, or a message is too long to be sent.
import type { Failure } from "../core/failures.ts";
import { failure } from "./types.ts";
import { MOST_WHOLE } from "./wire/fragment.ts";

/** The likeliest causes first: the server's side decides the first, the owner can check the second. */
export function unheard(remote: { readonly address: string; readonly port: number }): Failure {
  const causes =
    "the firewall there does not let in UDP 500 and 4500, the address is not the server's, or a provider blocks IKE";
  return failure("no-answer", `no answer from ${remote.address} on UDP ${remote.port}: ${causes}`);
}

/** Our certificates make too long a message for a peer that puts no fragments together; null: it can be sent. */
export function tooLong(remote: string, bytes: number, fragments: boolean): Failure | null {
  if (fragments || bytes <= MOST_WHOLE) return null;
  const most = `${remote} takes no fragments: at most ${MOST_WHOLE} can be sent`;
  const text = `our certificates make a message of ${bytes} bytes, and ${most}; use a shorter chain or an ECDSA key`;
  return failure("mode", text);
}
