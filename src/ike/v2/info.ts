// What status shows of an IKEv2 connection.
import type { Child, Ports } from "../child.ts";
import type { IkeInfo } from "../types.ts";
import { type IkeSa, natName } from "./ikesa.ts";

interface Of {
  readonly flow: IkeInfo["flow"];
  readonly client: boolean;
  /** A client's are the configured ones: 0 is any. */
  readonly ports: Ports;
}
export function infoOf({ flow, client, ports }: Of, sa: IkeSa, child: Child, peerId: string): IkeInfo {
  return {
    flow,
    remote: sa.remote,
    local: sa.local,
    peerId,
    proposal: sa.text,
    espProposal: child.proposal.text,
    nat: natName(sa.nat),
    encap: child.udp ? "udp" : "esp",
    spiIn: child.spiIn,
    spiOut: child.spiOut,
    cipher: child.proposal.cipher,
    integ: child.proposal.integ,
    localPort: client ? ports.local : child.localPort,
    remotePort: client ? ports.remote : child.remotePort,
  };
}
