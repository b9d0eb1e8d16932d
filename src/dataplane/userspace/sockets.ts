// The plane's sockets: UDP 500 and 4500 and raw protocol 50, opened when the first IPsec link needs them, and L2TP in
// the clear, opened only when asked for. A socket that could not be opened because the machine has no IPv6 is simply
// not there.

import type { FastPath, Native, Origin, Ring, Watcher } from "node-tuntap2";
import { ADDR, KIND, Kind, LEN, META } from "node-tuntap2";
import { formatEndpoint } from "../../core/addr.ts";
import { get8, get16 } from "../../core/bytes.ts";
import type { Counters } from "../../core/counters.ts";
import { SystemError } from "../../core/errors.ts";
import { attempt, errnoOf } from "../../linux/errno.ts";
import type { Endpoint } from "../../ports/ports.ts";
import type { Family } from "../ring.ts";
import { anyAddress, familyOf, ipBytes } from "../ring.ts";

const BUFFER = 4 << 20;
const ESP = 50;
const FAMILIES: readonly Family[] = [4, 6];
/** KIND of packets for a clear socket when there are several; above every Kind of the library. */
const OWN_KIND = 100;

export type SocketUse = "ike" | "nat" | "esp" | "clear";
const ORIGIN: Readonly<Record<Exclude<SocketUse, "ike">, Origin>> = { nat: "udp4500", esp: "raw50", clear: "udp1701" };

function portAdvice(port: number): string {
  if (port === 1701)
    return "another L2TP daemon (xl2tpd, accel-ppp) runs on this machine; stop it, or let this link use another port";
  return "another IPsec daemon (strongSwan, libreswan) runs on this machine; stop it, or give one of them other ports";
}

/** Common dependencies of the packet path. */
export interface PathParts {
  readonly native: Native;
  readonly fp: FastPath;
  readonly drops: Counters;
}
/** Callbacks of the sockets. */
interface SocketOwner {
  /** `received`: Native.watchReceived; undefined on a socket of IKE. */
  readable(s: Socket, received?: number): void;
  /** Once per socket: the kernel or the network card does not segment; packets are sent one by one. */
  refused(s: Socket): void;
}
interface SocketStart {
  /** The ring that received packets are put into. */
  readonly batch: Ring;
  readonly fd: number;
  readonly use: SocketUse;
  readonly local: Endpoint;
}

export class Socket {
  readonly use: SocketUse;
  readonly family: Family;
  readonly local: Endpoint;
  readonly #native: Native;
  readonly #fd: number;
  readonly #fp: FastPath;
  readonly #batch: Ring;
  readonly #watcher: Watcher;
  readonly #owner: SocketOwner;
  #refused = false;
  users = 1;
  open = true;

  constructor({ native, fp }: PathParts, { fd, use, local, batch }: SocketStart, owner: SocketOwner) {
    this.#native = native;
    this.#fp = fp;
    this.#batch = batch;
    this.#owner = owner;
    this.#fd = fd;
    this.use = use;
    this.local = local;
    this.family = familyOf(local.address);
    this.#watcher =
      use === "ike"
        ? native.watch(fd, () => owner.readable(this))
        : native.watchReceived(fd, ORIGIN[use], batch, fp, (received) => owner.readable(this, received));
  }
  get kind(): number {
    if (this.use === "esp") return Kind.raw50;
    return this.use === "clear" ? Kind.udp1701 : Kind.udp4500;
  }
  /** The last read left packets that did not fit the ring. */
  get held(): boolean {
    return this.#native.offload(this.#fd).held;
  }
  /** Reads into the batch; as Native.receive, except that everything on an IKE socket is IKE's. */
  receive(): number {
    if (this.use === "ike") return this.#native.readUdp(this.#fd, this.#batch);
    return this.#native.receive(this.#fd, ORIGIN[this.use], this.#batch, this.#fp);
  }
  write(ring: Ring, n: number, kind = this.kind): void {
    if (this.use === "esp") this.#native.writeRaw(this.#fd, ring, n, kind, this.#fp);
    else this.#native.writeUdp(this.#fd, ring, n, kind, this.#fp);
  }
  /** Says once that the kernel refused to segment. */
  look(): void {
    if (!this.#native.offload(this.#fd).refused || this.#refused) return;
    this.#refused = true;
    this.#owner.refused(this);
  }
  /** Packets of its kind leave by it without a visit here. */
  exit(on: boolean): void {
    this.#fp.setExit(this.kind, this.family, on ? this.#fd : null);
  }
  /** Of a raw socket: what comes under the kernel plane's SPIs is not queued here. */
  hideKernelEsp(): void {
    if (this.use === "esp") this.#native.rawHide(this.#fd, this.family);
  }
  /** Whether the port may be bound a second time; those that have it keep it. */
  share(on: boolean): void {
    const { constants } = this.#native;
    const value = new Uint8Array(Int32Array.of(on ? 1 : 0).buffer);
    this.#native.setsockopt(this.#fd, constants["SOL_SOCKET"] ?? 0, constants["SO_REUSEADDR"] ?? 0, value);
  }
  close(): void {
    if (this.#fp.exit(this.kind, this.family) === this.#fd) this.exit(false);
    this.open = false;
    this.#watcher.stop();
    this.#native.close(this.#fd);
  }
}

export class Sockets {
  readonly ports: { readonly ike: number; readonly nat: number };
  readonly #parts: PathParts;
  readonly #native: Native;
  readonly #drops: Counters;
  readonly #batch: Ring;
  readonly #owner: SocketOwner;
  #ipsec: Socket[] | null = null;
  /** The kernel is a plane as well. */
  #beside = false;
  readonly #clear: Socket[] = [];

  constructor(parts: PathParts, ports: { ike: number; nat: number }, batch: Ring, owner: SocketOwner) {
    this.#parts = parts;
    this.#native = parts.native;
    this.#drops = parts.drops;
    this.ports = ports;
    this.#batch = batch;
    this.#owner = owner;
  }

  /** Opens UDP 500 and 4500 and protocol 50; nothing stays open when one of them fails. Throws SystemError. */
  openIpsec(): void {
    if (this.#ipsec) return;
    const open: Socket[] = [];
    try {
      for (const family of FAMILIES) {
        for (const use of ["ike", "nat", "esp"] as const) {
          const s = this.#open(use, { address: anyAddress(family), port: use === "esp" ? 0 : this.ports[use] });
          if (s) open.push(s);
        }
      }
    } catch (e) {
      for (const s of open) s.close();
      throw e;
    }
    for (const s of open) if (s.use !== "ike") s.exit(true);
    this.#ipsec = open;
    if (this.#beside) this.besideKernel();
  }
  /**
   * A socket on `local` (port 0: an ephemeral one of its own); one that is open already is shared. Throws SystemError.
   */
  openClear(local: Endpoint): Socket {
    const shared =
      local.port === 0 ? undefined : this.#clear.find((s) => s.local.port === local.port && covers(s, local));
    if (shared) {
      shared.users++;
      return shared;
    }
    const s = this.#open("clear", local);
    if (!s) throw new SystemError("EAFNOSUPPORT", `cannot open UDP ${formatEndpoint(local)}`, "the kernel has no IPv6");
    this.#clear.push(s);
    this.#clearExit(s.family);
    return s;
  }
  closeClear(s: Socket): void {
    if (--s.users > 0) return;
    s.close();
    this.#clear.splice(this.#clear.indexOf(s), 1);
    this.#clearExit(s.family);
  }
  /** Only among several of a family has write() to choose. */
  #clearExit(family: Family): void {
    const all = this.#clear.filter((s) => s.family === family);
    for (const s of all) s.exit(all.length === 1);
  }
  ipsec(use: "ike" | "nat" | "esp", family: Family): Socket | null {
    return this.#ipsec?.find((s) => s.use === use && s.family === family) ?? null;
  }
  /** The open clear socket that sends datagrams from `local`. */
  clear(local: Endpoint): Socket | null {
    return this.#clear.find((s) => s.local.port === local.port && covers(s, local)) ?? null;
  }
  /** Writes slots 0..n-1 to the sockets that their KIND and local endpoint select: one call per socket. */
  write(ring: Ring, n: number): void {
    let wanted = 0; // a bit per kind and family, to skip the call for sockets with nothing to send
    for (let i = 0; i < n; i++)
      if (ring.meta[i * META + LEN] !== 0) wanted |= bit(ring.meta[i * META + KIND] ?? 0, get8(ring.addr, i * ADDR));
    for (const s of this.#ipsec ?? []) if (s.use !== "ike" && (wanted & bit(s.kind, s.family)) !== 0) s.write(ring, n);
    const clear = this.#clear.filter((s) => (wanted & bit(s.kind, s.family)) !== 0);
    const first = clear[0];
    if (first && clear.length === 1 && (wanted & CLEAR) === bit(first.kind, first.family)) first.write(ring, n);
    else if ((wanted & CLEAR) !== 0) this.#writeClear(ring, n);
  }
  /** After a wake that left something of a TUN's packets. */
  look(): void {
    for (const s of this.#ipsec ?? []) if (s.use === "nat") s.look();
    for (const s of this.#clear) s.look();
  }
  besideKernel(): void {
    this.#beside = true;
    for (const s of this.#ipsec ?? []) s.hideKernelEsp();
  }
  lend(bind: () => void): void {
    const all = (this.#ipsec ?? []).filter((s) => s.use === "nat");
    try {
      for (const s of all) s.share(true);
      bind();
    } finally {
      for (const s of all) s.share(false);
    }
  }
  close(): void {
    for (const s of [...(this.#ipsec ?? []), ...this.#clear]) s.close();
    this.#ipsec = null;
    this.#clear.length = 0;
  }

  #writeClear(ring: Ring, n: number): void {
    for (let i = 0; i < n; i++) {
      if (ring.meta[i * META + KIND] !== Kind.udp1701) continue;
      const at = i * ADDR;
      const port = get16(ring.addr, at + 40);
      const which = this.#clear.findIndex(
        (s) => s.local.port === port && s.family === ring.addr[at] && matches(s, ring.addr, at),
      );
      if (which < 0) this.#drops.bump("tx.no-socket");
      ring.meta[i * META + KIND] = OWN_KIND + which;
    }
    for (const [i, s] of this.#clear.entries()) s.write(ring, n, OWN_KIND + i);
  }
  #open(use: SocketUse, local: Endpoint): Socket | null {
    const family = familyOf(local.address);
    const what =
      use === "esp"
        ? `cannot receive ESP (IP protocol ${ESP})`
        : `UDP ${local.port} on ${local.address} cannot be opened`;
    const address = ipBytes(local.address);
    const advice = {
      EADDRINUSE: portAdvice(local.port),
      EADDRNOTAVAIL: "no interface has this address",
      EACCES: "the daemon needs to be root",
      EPERM: "the daemon needs to be root, or to have CAP_NET_RAW",
    };
    const open = (): number =>
      use === "esp"
        ? this.#native.rawOpen(family, ESP, address)
        : this.#native.udpOpen(address, local.port, { offload: use !== "ike", buffer: BUFFER });
    try {
      const fd = attempt(what, advice, open);
      if (use !== "clear") this.#fragmentOutside(fd, family);
      if (use === "esp") this.#buffers(fd);
      const port = use === "esp" ? 0 : local.port || this.#native.socketPort(fd);
      return new Socket(
        this.#parts,
        { fd, use, local: { address: local.address, port }, batch: this.#batch },
        this.#owner,
      );
    } catch (e) {
      // A kernel without IPv6.
      if (family === 6 && use !== "clear" && ["EAFNOSUPPORT", "EADDRNOTAVAIL", "EPROTONOSUPPORT"].includes(errnoOf(e)))
        return null;
      throw e;
    }
  }
  /** Lets an outer packet that exceeds the path MTU be fragmented instead of dropped. */
  #fragmentOutside(fd: number, family: Family): void {
    const c = this.#native.constants;
    if (family === 4) this.#try(fd, c["IPPROTO_IP"], c["IP_MTU_DISCOVER"], c["IP_PMTUDISC_DONT"]);
    else this.#try(fd, c["IPPROTO_IPV6"], c["IPV6_MTU_DISCOVER"], c["IPV6_PMTUDISC_DONT"]);
  }
  #buffers(fd: number): void {
    const c = this.#native.constants;
    for (const name of ["RCVBUF", "SNDBUF"]) {
      if (!this.#try(fd, c["SOL_SOCKET"], c[`SO_${name}FORCE`], BUFFER))
        this.#try(fd, c["SOL_SOCKET"], c[`SO_${name}`], BUFFER);
    }
  }
  /** Sets an option whose absence costs performance only. */
  #try(fd: number, level: number | undefined, name: number | undefined, value: number | undefined): boolean {
    if (level === undefined || name === undefined || value === undefined) return false;
    try {
      this.#native.setsockopt(fd, level, name, new Uint8Array(Int32Array.of(value).buffer));
      return true;
    } catch {
      return false;
    }
  }
}

function bit(kind: number, family: number): number {
  return 1 << (2 * kind + (family === 6 ? 1 : 0));
}
const CLEAR = bit(Kind.udp1701, 4) | bit(Kind.udp1701, 6);

function covers(s: Socket, local: Endpoint): boolean {
  return (
    s.local.address === local.address ||
    (s.family === familyOf(local.address) && s.local.address === anyAddress(s.family))
  );
}
function matches(s: Socket, addr: Uint8Array, at: number): boolean {
  if (s.local.address === anyAddress(s.family)) return true;
  return ipBytes(s.local.address).every((b, i) => b === addr[at + 20 + i]);
}
