// Where the packets of a link move: in the kernel's data plane, or in this process. What a link asks for, what its
// neighbours have, and what the kernel can do decide; the answer says why.
import { deviceName, needsIpsec } from "../config/cross.ts";
import type { ClientConfig, InterfaceConfig, ServerConfig } from "../config/schema.ts";
import { type Failure, failure } from "../core/failures.ts";
import type { EspCipher, EspInteg, PlaneKind } from "../dataplane/dataplane.ts";
import { expand } from "../ike/choice.ts";
import { type EspProposal, espDefaults } from "../ike/proposals.ts";

/** Which of AES-GCM and ChaCha20-Poly1305 this CPU seals faster with. */
export type FasterCipher = "aes" | "chacha20";
/** The kernel as a data plane. */
export interface KernelSide {
  /** Why it cannot carry packets, one sentence with what to do; null: it can, and is open from now on. */
  why(): string | null;
  /** Whether it has this ESP transform. */
  has(cipher: EspCipher, integ: EspInteg): boolean;
}
export interface Placement {
  readonly at: PlaneKind;
  /** Why the kernel does not carry them, "": it does, or was not asked. */
  readonly why: string;
  /** ESP proposals that the plane can do. */
  readonly esp: readonly EspProposal[];
}
type Tunnel = ClientConfig | ServerConfig;

const L2TP_PORT = 1701;
const IFNAMSIZ = 15; // characters of a netdev's name
/** Only userspace has them: packets pass through them one by one. */
const CODINGS = ["vj", "deflate", "bsdcomp", "mppc", "mrru", "bridge"] as const;

/** A user's router is ours. */
const ROUTER = ["ipv6_pool", "ipv6_delegate"] as const;

function portOf(c: Tunnel): number {
  return "pool" in c ? L2TP_PORT : c.source_port;
}
function isTunnel(c: InterfaceConfig | ServerConfig): c is Tunnel {
  return "pool" in c || c.proto === "l2tpsec";
}
function titleOf(c: Tunnel): string {
  return `${"pool" in c ? "server" : "interface"} ${c.name}`;
}
/** Proposals of the configuration, the kernel's or not. */
function proposals(c: Tunnel, faster: FasterCipher): readonly EspProposal[] {
  return expand(c.esp_proposals, espDefaults(faster, "pool" in c ? "responder" : "initiator"));
}

/** What the link asks for that the kernel does not have, whatever kernel it is. */
function asks(c: Tunnel): string | null {
  const own = CODINGS.find((o) => c[o]) ?? (c.mppe === "no" ? null : "mppe");
  const only = own ?? ("pool" in c ? ROUTER.find((o) => c[o] !== null) : null) ?? null;
  return only === null ? shortName(c) : `${only} is userspace's alone`;
}
/** Each of a server's users has a netdev with a number behind the name. */
function shortName(c: Tunnel): string | null {
  if (!("pool" in c)) return null;
  const most = IFNAMSIZ - `-${c.max_sessions}`.length;
  const name = deviceName(c);
  return name.length <= most
    ? null
    : `${name} leaves no room for each user's number: set ifname to ${most} characters at most, or lower max_sessions`;
}
/** Of a server that says nothing: what a zone of its netdev alone lets in, others would not. */
function unasked(c: Tunnel): string {
  if (c.dataplane !== null) return "";
  return `kernel: not asked; with dataplane = auto each user has a netdev, and the zone must name ${deviceName(c)}+`;
}
/** Without a look at the kernel; a server's default. */
function inUserspace(c: Tunnel): boolean {
  return c.dataplane === null || c.dataplane === "userspace";
}
/** One UDP port, or one pair of addresses, belongs to one data plane. */
function neighbour(c: Tunnel, all: readonly (InterfaceConfig | ServerConfig)[]): string | null {
  const others = all.filter(isTunnel).filter((o) => o.name !== c.name);
  const port = portOf(c);
  const clash = others.find((o) => portOf(o) === port && port !== 0 && !(needsIpsec(o) && needsIpsec(c)));
  if (clash) return `${titleOf(clash)} has UDP port ${port} too, and one of the two is in the clear`;
  if ("pool" in c) return null;
  const elsewhere = (o: Tunnel): boolean => inUserspace(o) || asks(o) !== null;
  const hosts = new Set(c.server.map((s) => s.host));
  const other = others.find((o) => "server" in o && o.server.some((s) => hosts.has(s.host)) && elsewhere(o));
  return other ? `${titleOf(other)} goes to the same server through userspace` : null;
}

interface PlaceOptions {
  readonly all: readonly (InterfaceConfig | ServerConfig)[];
  /** Null: there is but one data plane. */
  readonly kernel: KernelSide | null;
  readonly faster: FasterCipher;
  /** Why the kernel was given up for this link, "": it was not. */
  readonly fallback?: string;
}
export function place(c: Tunnel, { all, kernel, faster, fallback = "" }: PlaceOptions): Placement | Failure {
  const esp = needsIpsec(c) ? proposals(c, faster) : [];
  if (!kernel) return { at: "userspace", why: "", esp };
  if (inUserspace(c)) return { at: "userspace", why: unasked(c), esp };
  const no = whyNot(c, all, kernel, esp) ?? (c.dataplane === "auto" && fallback !== "" ? fallback : null);
  if (no === null) return { at: "kernel", why: "", esp: esp.filter((p) => kernel.has(p.cipher, p.integ)) };
  const why = `kernel: no, ${no}`;
  return c.dataplane === "kernel" ? failure("no-kernel-plane", why) : { at: "userspace", why, esp };
}
function whyNot(
  c: Tunnel,
  all: readonly (InterfaceConfig | ServerConfig)[],
  kernel: KernelSide,
  esp: readonly EspProposal[],
): string | null {
  const own = asks(c) ?? neighbour(c, all) ?? kernel.why();
  if (own !== null) return own;
  const lacks = esp.filter((p) => !kernel.has(p.cipher, p.integ));
  // A client offers what is left of the list; a server must not refuse in the kernel what userspace would accept.
  const enough = "pool" in c ? lacks.length === 0 : lacks.length < esp.length;
  return esp.length === 0 || enough
    ? null
    : `it lacks ESP with ${lacks.map((p) => p.text).join(", ")}: install its crypto modules, or set esp_proposals`;
}
