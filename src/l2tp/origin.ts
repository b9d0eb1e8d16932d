import { type Origin, originOf } from "../core/waiting.ts";
import type { L2tpRemote } from "../dataplane/dataplane.ts";

/**
 * Whose an L2TP speaker is: a flow is one peer, and its network is where it comes from; in the clear the address is all
 * there is.
 */
export function originOfRemote(remote: L2tpRemote): Origin {
  const outside = originOf(remote.address);
  return remote.flow === 0 ? outside : { peer: `flow ${remote.flow}`, network: outside.network };
}
