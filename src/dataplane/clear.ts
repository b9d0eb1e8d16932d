// The remote of an L2TP endpoint in the clear, as every plane in userspace has it.
import { formatEndpoint } from "../core/addr.ts";
import type { Endpoint } from "../ports/ports.ts";
import type { L2tpRemote } from "./dataplane.ts";

export function clearRemote(local: Endpoint, to: Endpoint): L2tpRemote {
  return {
    key: `clear ${local.port} ${formatEndpoint(to)}`,
    flow: 0,
    address: to.address,
    port: to.port,
    localAddress: local.address,
    localPort: local.port,
  };
}
