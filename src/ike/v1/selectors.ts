// The identities of quick mode, which are its selectors: RFC 2409 §5.5, RFC 3947 §5.2. Only UDP between the two hosts.
import { inQuotes } from "../../core/words.ts";
import type { Ports } from "../child.ts";
import { hostOf, ID, type Identification, readId } from "../wire/id.ts";
import { all, type Chain, PAYLOAD } from "../wire/payloads.ts";
import type { QuickModeSa } from "./phase2.ts";

export const UDP = 17;
const L2TP = 1701;

interface Selectors {
  readonly ports: Ports;
  /** The payloads as they came: a responder sends them back. */
  readonly bodies: readonly Uint8Array[];
}
/** What the initiator asks for, or a sentence that says why it is not L2TP. Behind a NAT the IDs are its own view. */
export function readSelectors(sa: QuickModeSa, c: Chain): Selectors | string {
  const bodies = all(c, PAYLOAD.id);
  if (bodies.length === 0) return { ports: { local: 0, remote: 0 }, bodies };
  const [ci, cr] = bodies.map(readId);
  if (!ci || !cr || bodies.length !== 2) return "quick mode with one identity, or more than two";
  for (const i of [ci, cr]) {
    // behind a NAT some peers send their name, as their address would say nothing
    const named = i.id.type === ID.fqdn && sa.nat !== "none";
    if (hostOf(i.id) === null && !named) return `quick mode for identity type ${i.id.type}: only hosts are served`;
    if (i.protocol !== UDP && !(i.protocol === 0 && i.port === 0))
      return `quick mode for protocol ${i.protocol}: only UDP is served`;
  }
  if (!sa.weAreClient && cr.port !== L2TP && cr.port !== 0)
    return `quick mode for our UDP port ${cr.port}: only 1701 is served`;
  if (sa.nat === "none" && !sa.udp && !sameAddress(ci, sa.remote.address)) {
    return `quick mode for ${inQuotes(ci.id.text)}, but the peer is ${sa.remote.address}`;
  }
  return { ports: { local: cr.port, remote: ci.port }, bodies };
}
function sameAddress(i: Identification, address: string): boolean {
  const host = hostOf(i.id);
  return host === address || host === "0.0.0.0" || host === "::";
}
