// Nothing ever came back from the other side.
import type { Failure } from "../core/failures.ts";
import { failure } from "./types.ts";

/** The likeliest causes first: the server's side decides the first, the owner can check the second. */
export function unheard(remote: { readonly address: string; readonly port: number }): Failure {
  const causes =
    "the firewall there does not let in UDP 500 and 4500, the address is not the server's, or a provider blocks IKE";
  return failure("no-answer", `no answer from ${remote.address} on UDP ${remote.port}: ${causes}`);
}
