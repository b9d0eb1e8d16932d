// XFRM, the kernel's IPsec: SAs, policies, and what it tells of them (linux/xfrm.h). Transport mode and ESP alone, as
// L2TP wants it (RFC 3193). An SA belongs to a policy by its reqid.
//
// Left out: ALLOCSPI. It reserves an SPI for one pair of addresses, and an SPI is promised to a peer before IKE knows
// which these will be. An SPI that another program has for the same address is refused when the SA is installed.
import { attempt, errnoOf } from "./errno.ts";
import { decodeMessages, type NetlinkIo, NetlinkSocket, type NlMessage } from "./netlink.ts";
import { NL, XFRM } from "./uapi.ts";
import {
  alignment,
  decodePolicy,
  decodeSa,
  decodeXfrmEvent,
  encodeBlock,
  encodeBlockId,
  encodeSa,
  encodeSaId,
  type FoundPolicy,
  type FoundSa,
  movedSa,
  type PolicyDirection,
  type XfrmEnds,
  type XfrmEvent,
  type XfrmSa,
} from "./xfrm-wire.ts";

const ROOT = "the daemon needs to be root, or to have CAP_NET_ADMIN";
const ADVICE: Readonly<Record<string, string>> = {
  EPERM: ROOT,
  EEXIST: "there is one already",
  ENOSYS: "the kernel lacks this algorithm",
  EPROTONOSUPPORT: "the kernel has no ESP: opkg install kmod-ipsec4 kmod-ipsec6",
};
const NO_XFRM = { EPROTONOSUPPORT: "the kernel has no IPsec: opkg install kmod-ipsec" };
const TURN = 64; // datagrams
const BUFFER = 32768;

/** SAs and policies of this network namespace. */
export class Xfrm {
  readonly align: number;
  readonly #io: NetlinkIo;
  readonly #nl: NetlinkSocket;
  /** Throws SystemError. */
  constructor(io: NetlinkIo) {
    this.#io = io;
    this.align = alignment(io.constants);
    this.#nl = attempt("cannot ask the kernel for IPsec", NO_XFRM, () => new NetlinkSocket(io, XFRM.NETLINK_XFRM));
  }
  close(): void {
    this.#nl.close();
  }
  /** EEXIST: an SA to this destination has this SPI, ours or another program's. */
  addSa(sa: XfrmSa): void {
    const body = encodeSa(sa, this.align);
    try {
      const what = `cannot install the SA to ${sa.destination}`;
      this.#nl.change(what, ADVICE, XFRM.XFRM_MSG_NEWSA, NL.NLM_F_CREATE | NL.NLM_F_EXCL, body);
    } finally {
      body.fill(0); // keys
    }
  }
  /** Nothing happens when it is gone. */
  deleteSa(destination: string, spi: number): void {
    const body = encodeSaId(destination, spi);
    this.#unlessGone(() => this.#nl.change("cannot remove an SA", ADVICE, XFRM.XFRM_MSG_DELSA, 0, body));
  }
  /** Null when it is gone. */
  sa(destination: string, spi: number): FoundSa | null {
    return this.#answer(destination, spi, (body) => decodeSa(body));
  }
  /** Moves an SA to other addresses; does nothing when it is gone. Packets in between are lost. */
  moveSa(destination: string, spi: number, to: XfrmEnds): void {
    const moved = this.#answer(destination, spi, (body) => movedSa(body, to, this.align));
    if (!moved) return;
    this.deleteSa(destination, spi);
    try {
      const what = `cannot install the SA to ${to.destination}`;
      this.#nl.change(what, ADVICE, XFRM.XFRM_MSG_NEWSA, NL.NLM_F_CREATE | NL.NLM_F_EXCL, moved);
    } finally {
      moved.fill(0); // keys
    }
  }
  allSas(): FoundSa[] {
    const all = this.#nl.ask("cannot list the SAs", ADVICE, XFRM.XFRM_MSG_GETSA, NL.NLM_F_DUMP, new Uint8Array(0));
    return all.flatMap((m) => decodeSa(m.body) ?? []);
  }
  /** EEXIST: there is a policy for the same packets. */
  addBlock(family: number, direction: PolicyDirection, port: number, priority: number): void {
    const body = encodeBlock(family, direction, port, priority, this.align);
    const what = `cannot refuse clear packets of UDP port ${port}`;
    this.#nl.change(what, ADVICE, XFRM.XFRM_MSG_NEWPOLICY, NL.NLM_F_CREATE | NL.NLM_F_EXCL, body);
  }
  /** Nothing happens when it is gone. */
  deleteBlock(family: number, direction: PolicyDirection, port: number): void {
    const body = encodeBlockId(family, direction, port);
    this.#unlessGone(() => this.#nl.change("cannot remove a policy", ADVICE, XFRM.XFRM_MSG_DELPOLICY, 0, body));
  }
  allPolicies(): FoundPolicy[] {
    const none = new Uint8Array(0);
    const all = this.#nl.ask("cannot list the policies", ADVICE, XFRM.XFRM_MSG_GETPOLICY, NL.NLM_F_DUMP, none);
    return all.flatMap((m) => decodePolicy(m.body) ?? []);
  }
  /** Tells what happens to SAs, and that policies go, by ourselves too. Throws SystemError. */
  watch(happened: (e: XfrmEvent) => void): { stop(): void } {
    const bit = (group: number): number => 1 << (group - 1);
    const { XFRMNLGRP_EXPIRE, XFRMNLGRP_SA, XFRMNLGRP_POLICY, XFRMNLGRP_MAPPING } = XFRM;
    const all = [XFRMNLGRP_EXPIRE, XFRMNLGRP_SA, XFRMNLGRP_POLICY, XFRMNLGRP_MAPPING];
    const groups = all.reduce((bits, group) => bits | bit(group), 0);
    const fd = attempt("cannot watch the SAs", { EPERM: ROOT }, () => this.#io.netlinkOpen(XFRM.NETLINK_XFRM, groups));
    const buffer = new Uint8Array(BUFFER);
    const watcher = this.#io.watch(fd, () => {
      try {
        for (let i = 0; i < TURN; i++) {
          const n = this.#io.recv(fd, buffer);
          if (n < 0) return;
          for (const m of decodeMessages(buffer.subarray(0, n))) {
            const e = decodeXfrmEvent(m, this.align);
            if (e) happened(e);
          }
        }
      } catch {
        happened({ kind: "lost" }); // ENOBUFS
      }
    });
    return {
      stop: () => {
        watcher.stop();
        this.#io.close(fd);
      },
    };
  }

  /** What `read` makes of the kernel's answer, which is wiped: it has the keys. Null: there is no such SA. */
  #answer<T>(destination: string, spi: number, read: (body: Uint8Array) => T | null): T | null {
    const id = encodeSaId(destination, spi);
    const ask = (): NlMessage[] => this.#nl.ask("cannot look up an SA", ADVICE, XFRM.XFRM_MSG_GETSA, 0, id);
    const [m] = this.#unlessGone(ask) ?? [];
    if (!m) return null;
    try {
      return read(m.body);
    } finally {
      m.body.fill(0);
    }
  }
  #unlessGone<T>(f: () => T): T | null {
    try {
      return f();
    } catch (e) {
      if (["ESRCH", "ENOENT"].includes(errnoOf(e))) return null;
      throw e;
    }
  }
}
