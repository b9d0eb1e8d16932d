// UDP sockets with IPsec policies of their own: IKE's, which pass as they are, and L2TP's, which pass under one flow's
// SAs or, where the configuration says so, in the clear. A socket's policy goes before the blocks of policies.ts and
// ends with it.
import type { Native, Ring, Watcher } from "node-tuntap2";
import { ADDR, FROM, Kind, MARK } from "node-tuntap2";
import { formatEndpoint } from "../../core/addr.ts";
import { get32 } from "../../core/bytes.ts";
import type { Counters as Drops } from "../../core/counters.ts";
import { HEADROOM, Packet, TAILROOM } from "../../core/packet.ts";
import { contain } from "../../core/scope.ts";
import { attempt, errnoOf } from "../../linux/errno.ts";
import { AF_INET, AF_INET6 } from "../../linux/uapi.ts";
import { encodeSocketPolicy } from "../../linux/xfrm-wire.ts";
import type { Endpoint } from "../../ports/ports.ts";
import { familyOf, fill, ipBytes, readLocal, readRemote, writeEnds } from "../ring.ts";

const TURN = 64; // datagrams
const DATAGRAM = 65536;
const BUFFER = 1 << 20;

/** What a socket asks of IPsec: to pass as it is, or under SAs of these reqids, 0 any. */
export type Protection = { readonly kind: "none" } | { readonly kind: "sa"; readonly in: number; readonly out: number };
export interface Received {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly mark: number;
}
export interface SocketDeps {
  readonly native: Native;
  /** For what is read and written: one for all sockets, of which only one at a time has its turn. */
  readonly room: Room;
  readonly drops: Drops;
  readonly align: number;
  fault(e: unknown): void;
}

export interface Room {
  readonly buffer: Uint8Array;
  readonly from: Uint8Array;
  readonly ring: Ring;
}
export function newRoom(native: Native): Room {
  const buffer = new Uint8Array(HEADROOM + DATAGRAM + TAILROOM);
  return { buffer, from: new Uint8Array(FROM), ring: native.ring(1) };
}

export class UdpSocket {
  readonly fd: number;
  readonly local: Endpoint;
  readonly #deps: SocketDeps;
  readonly #watcher: Watcher;
  #open = true;

  /** Bound to `local` (port 0: any), which other sockets of ours may be too. Throws SystemError. */
  constructor(
    deps: SocketDeps,
    local: Endpoint,
    protection: Protection,
    received: (p: Packet, from: Received) => void,
  ) {
    const { native } = deps;
    this.#deps = deps;
    const what = `UDP ${formatEndpoint(local)} cannot be opened`;
    const address = ipBytes(local.address);
    this.fd = attempt(what, ADVICE, () => native.udpOpen(address, local.port, { reuse: true, buffer: BUFFER }));
    try {
      this.#protect(familyOf(local.address), protection);
    } catch (e) {
      native.close(this.fd);
      throw e;
    }
    this.local = { address: local.address, port: local.port || native.socketPort(this.fd) };
    this.#watcher = native.watch(this.fd, () => this.#readable(received));
  }
  /** The mark of packets comes with them. False: the kernel cannot do that (before 5.19). */
  withMarks(): boolean {
    const { constants } = this.#deps.native;
    return this.#set(constants["SOL_SOCKET"], constants["SO_RCVMARK"], 1);
  }
  /** ESP in UDP that arrives here is the kernel's (RFC 3948). Throws SystemError. */
  takeEsp(): void {
    const { constants } = this.#deps.native;
    const [level, name, value] = [constants["SOL_UDP"], constants["UDP_ENCAP"], constants["UDP_ENCAP_ESPINUDP"]];
    attempt("the kernel does not take ESP in UDP", {}, () =>
      this.#deps.native.setsockopt(this.fd, level ?? 0, name ?? 0, int32(value ?? 0)),
    );
  }
  connect(remote: Endpoint): void {
    const what = `cannot send to ${formatEndpoint(remote)}`;
    attempt(what, {}, () => this.#deps.native.udpConnect(this.fd, ipBytes(remote.address), remote.port));
  }
  /** Of a connected socket. False: dropped, and counted. */
  send(message: Uint8Array): boolean {
    try {
      this.#deps.native.send(this.fd, message);
      return true;
    } catch (e) {
      const full = ["EAGAIN", "ENOBUFS"].includes(errnoOf(e));
      this.#deps.drops.bump(full ? "tx.socket-full" : "tx.error");
      return false;
    }
  }
  /** Of one that is not connected, from `local`. False: dropped, and counted. */
  sendTo(local: Endpoint, remote: Endpoint, parts: readonly Uint8Array[]): boolean {
    const { native, drops } = this.#deps;
    const { ring } = this.#deps.room;
    if (!fill(ring, 0, parts, Kind.udp4500)) {
      drops.bump("tx.too-big");
      return false;
    }
    writeEnds(ring.addr.subarray(0, ADDR), 0, local, remote);
    try {
      if (native.writeUdp(this.fd, ring, 1, Kind.udp4500, null) === 1) return true;
    } catch {
      // counted below
    }
    drops.bump("tx.error");
    return false;
  }
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#watcher.stop();
    this.#deps.native.close(this.fd);
  }

  #readable(received: (p: Packet, from: Received) => void): void {
    const { native, fault } = this.#deps;
    const { buffer, from } = this.#deps.room;
    try {
      for (let i = 0; i < TURN && this.#open; i++) {
        const n = native.udpRecv(this.fd, buffer.subarray(HEADROOM, HEADROOM + DATAGRAM), from);
        if (n < 0) return;
        const local = { address: readLocal(from, 0).address, port: this.local.port };
        const where = { local, remote: readRemote(from, 0), mark: get32(from, MARK) };
        contain(() => received(new Packet(buffer, HEADROOM, HEADROOM + n), where), fault);
      }
    } catch (e) {
      this.#deps.drops.bump(`rx.${errnoOf(e).toLowerCase()}`); // ECONNREFUSED and the like of a connected socket
    }
  }
  /** `reqid` 0 in a template is any (xfrm_state_ok). */
  #protect(family: 4 | 6, p: Protection): void {
    const { native, align } = this.#deps;
    const { constants } = native;
    const [level, name] = family === 4 ? ["IPPROTO_IP", "IP_XFRM_POLICY"] : ["IPPROTO_IPV6", "IPV6_XFRM_POLICY"];
    for (const direction of ["in", "out"] as const) {
      const reqid = p.kind === "none" ? null : p[direction];
      const value = encodeSocketPolicy(family === 4 ? AF_INET : AF_INET6, direction, reqid, align);
      attempt("cannot give a socket its IPsec policy", ADVICE, () =>
        native.setsockopt(this.fd, constants[level] ?? 0, constants[name] ?? 0, value),
      );
    }
  }
  #set(level: number | undefined, name: number | undefined, value: number): boolean {
    if (level === undefined || name === undefined) return false;
    try {
      this.#deps.native.setsockopt(this.fd, level, name, int32(value));
      return true;
    } catch {
      return false;
    }
  }
}

function int32(v: number): Uint8Array {
  return new Uint8Array(Int32Array.of(v).buffer);
}
const ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: "another daemon has it: stop it, or let this one use another port",
  EADDRNOTAVAIL: "no interface has this address",
  EACCES: "the daemon needs to be root",
  EPERM: "the daemon needs to be root, or to have CAP_NET_ADMIN",
  ENOPROTOOPT: "the kernel has no IPsec: opkg install kmod-ipsec",
};
