// What status and the data plane are told of an IKEv2 connection.
import type { Endpoint } from "../../ports/ports.ts";
import type { Child, Ports } from "../child.ts";
import type { IkeInfo } from "../types.ts";
import { type IkeSa, natName } from "./ikesa.ts";
import type { Path } from "./wire/message.ts";

interface Of {
  readonly flow: IkeInfo["flow"];
  readonly client: boolean;
  /** A client's are the configured ones: 0 is any. */
  readonly ports: Ports;
}
export function infoOf({ flow, client, ports }: Of, sa: IkeSa, child: Child, peerId: string): IkeInfo {
  return {
    version: 2,
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
/** Ours and the peer's: raw ESP has no ports. */
export function espPath({ local, remote }: Path, udp: boolean): [Endpoint, Endpoint] {
  const at = (e: Endpoint): Endpoint => ({ address: e.address, port: udp ? e.port : 0 });
  return [at(local), at(remote)];
}
