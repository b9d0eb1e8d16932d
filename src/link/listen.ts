// A server's sockets for L2TP in the clear, which it has where the configuration says ipsec = off.
import { SystemError } from "../core/errors.ts";
import type { L2tpPlane, PlaneKind } from "../dataplane/dataplane.ts";

const L2TP_PORT = 1701;
/** What a kernel without IPv6, or with it switched off, says. */
const NO_IPV6: readonly string[] = ["EAFNOSUPPORT", "EADDRNOTAVAIL"];

/** On `listen`, or in both families as far as the machine has them. Resolves to what closes it. */
export async function listenInClear(l2tp: L2tpPlane, listen: string | null, at: PlaneKind): Promise<() => void> {
  if (listen !== null) {
    const one = await l2tp.openClear({ address: listen, port: L2TP_PORT }, at);
    return () => one.close();
  }
  const four = await l2tp.openClear({ address: "0.0.0.0", port: L2TP_PORT }, at);
  try {
    const six = await l2tp.openClear({ address: "::", port: L2TP_PORT }, at);
    return () => {
      four.close();
      six.close();
    };
  } catch (e) {
    if (e instanceof SystemError && NO_IPV6.includes(e.errno)) return () => four.close();
    four.close();
    throw e;
  }
}
