// What the owners of IKEv1's connections are to them, and what they are told.
import type { FlowId } from "../../dataplane/dataplane.ts";
import type { Child, Ports } from "../child.ts";
import type { IkeInfo } from "../types.ts";
import type { IkeSa } from "./ikesa.ts";

export interface ConnectionOwner<C> {
  /** Begins phase 1 for a connection; adopt() or phase1Failed() follows. */
  beginPhase1(c: C): void;
  /** Its peer may have another address now. */
  moved(c: C): void;
  /** A server's connection has no ISAKMP SA any more: another one of the peer may serve it. */
  saLost(c: C): void;
  gone(c: C): void;
}

interface Informant {
  readonly flow: FlowId;
  readonly client: boolean;
  readonly ports: Ports;
  readonly peerId: string;
}
export function infoOf(c: Informant, sa: IkeSa, child: Child): IkeInfo {
  return {
    version: 1,
    flow: c.flow,
    remote: sa.remote,
    local: sa.local,
    peerId: c.peerId,
    proposal: sa.up?.proposal.text ?? "",
    espProposal: child.proposal.text,
    nat: sa.nat,
    encap: child.udp ? "udp" : "esp",
    spiIn: child.spiIn,
    spiOut: child.spiOut,
    cipher: child.proposal.cipher,
    integ: child.proposal.integ,
    // a server that begins quick mode may ask for any port; a client's are the configured ones
    localPort: c.client ? c.ports.local : child.localPort,
    remotePort: c.client ? c.ports.remote : child.remotePort,
  };
}
