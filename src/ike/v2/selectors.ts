// Traffic selectors of L2TP in transport mode: UDP between two hosts, RFC 7296 §2.9; behind a NAT the addresses are those
// that each side knows itself by, and only the ports count (§2.23.1).
import { formatIp, parseIp } from "../../core/addr.ts";
import { get8 } from "../../core/bytes.ts";
import type { Ports } from "../child.ts";
import { describeSelector, hostSelector, readSelectors, type Selector, writeSelectors } from "./wire/bodies.ts";
import type { Path } from "./wire/message.ts";

const UDP = 17;
const L2TP = 1701;

/** Bodies of TSi and TSr. */
export interface SelectorBodies {
  readonly tsI: Uint8Array;
  readonly tsR: Uint8Array;
}
export interface Narrowed extends SelectorBodies {
  readonly ports: Ports;
}
/** What we ask for: one selector each. */
export function ourSelectors({ local, remote }: Path, ports: Ports): SelectorBodies {
  return {
    tsI: writeSelectors([hostSelector(local.address, UDP, ports.local)]),
    tsR: writeSelectors([hostSelector(remote.address, UDP, ports.remote)]),
  };
}
/** Whose traffic it is that a peer asks for. */
export interface Wanted {
  readonly path: Path;
  /** Addresses are translated on the way. */
  readonly nat: boolean;
  /** Null: we are the server, which has port 1701, and the peer's may be any. */
  readonly ports: Ports | null;
}

/** The part of what the peer asks for that we serve, or a sentence that says why it is nothing. Throws DecodeError. */
export function narrow(asked: SelectorBodies, { path, nat, ports }: Wanted): Narrowed | string {
  const [theirs, ours] = [readSelectors(asked.tsI), readSelectors(asked.tsR)];
  const i = fit(theirs, path.remote.address, nat, ports?.remote ?? 0);
  const r = fit(ours, path.local.address, nat, ports?.local ?? L2TP);
  if (!i || !r) {
    const list = (s: readonly Selector[]): string => s.map(describeSelector).join(" ") || "none";
    return `it asks for ${list(theirs)} to ${list(ours)}: only UDP to port ${ports?.local || L2TP} of this host is served`;
  }
  return { ports: { local: r.port, remote: i.port }, tsI: writeSelectors([i]), tsR: writeSelectors([r]) };
}
/** The ports that a responder left of what we asked for; null: it chose something else. Throws DecodeError. */
export function agreedPorts(
  answer: SelectorBodies,
  { path, nat, ports }: Wanted & { readonly ports: Ports },
): Ports | null {
  const i = fit(readSelectors(answer.tsI), path.local.address, nat, ports.local);
  const r = fit(readSelectors(answer.tsR), path.remote.address, nat, ports.remote);
  return i && r && { local: i.port, remote: r.port };
}

interface Host extends Selector {
  /** 0: any. */
  readonly port: number;
}
/** What is left of the first selector that has UDP of this host and port in it; `port` 0: any, or the peer's choice. */
function fit(list: readonly Selector[], address: string, nat: boolean, port: number): Host | null {
  const own = parseIp(address);
  for (const s of own ? list : []) {
    const at = own && addressIn(s, own, nat);
    const p = portIn(s, port);
    if (!at || p === null || (s.protocol !== 0 && s.protocol !== UDP)) continue;
    return { ...hostSelector(formatIp(at), UDP, p), port: p };
  }
  return null;
}
function addressIn({ addresses: [first, last] }: Selector, own: Uint8Array, nat: boolean): Uint8Array | null {
  if (first.length !== own.length) return null;
  if (compare(first, own) <= 0 && compare(own, last) <= 0) return own;
  return nat && compare(first, last) === 0 ? first : null;
}
function portIn({ ports: [first, last] }: Selector, wanted: number): number | null {
  const has = (p: number): boolean => first <= p && p <= last;
  if (wanted !== 0) return has(wanted) ? wanted : null;
  if (first === 0 && last === 65535) return 0;
  if (first === last) return first;
  return has(L2TP) ? L2TP : null;
}
/** As texts compare: less than 0, 0, or more. */
export function compare(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const d = get8(a, i) - get8(b, i);
    if (d !== 0) return d;
  }
  return a.length - b.length;
}
