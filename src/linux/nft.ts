// nftables by netlink (linux/netfilter/nf_tables.h): a table of our own, which no other program can change and the
// kernel removes with our socket, and the expressions that rules are made of.
import { utf8 } from "../core/text.ts";
import { attempt } from "./errno.ts";
import { type NetlinkIo, NetlinkSocket, NlWriter } from "./netlink.ts";
import { NFT, NL } from "./uapi.ts";

const ADVICE: Readonly<Record<string, string>> = {
  EPERM: "the daemon needs to be root, or to have CAP_NET_ADMIN",
  EPROTONOSUPPORT: "the kernel has no nftables: opkg install kmod-nft-core",
  EOPNOTSUPP: "the kernel's nftables are too old",
};

/** Registers of 4 bytes, of which the first four are NFT_REG_1. */
export const REG = [8, 9, 10, 11] as const;
/** For what fits into 16 bytes. */
export const REG_1 = 1;

export function be32(v: number): Uint8Array {
  return Uint8Array.of(v >>> 24, v >>> 16, v >>> 8, v);
}
export function expr(list: NlWriter, name: string, data: (w: NlWriter) => void): void {
  list.nest(NFT.NFTA_LIST_ELEM, (e) => {
    e.attrText(NFT.NFTA_EXPR_NAME, name).nest(NFT.NFTA_EXPR_DATA, data);
  });
}
export function value(w: NlWriter, type: number, v: Uint8Array): void {
  w.nest(type, (d) => d.attr(NFT.NFTA_DATA_VALUE, v));
}
export function loadMeta(list: NlWriter, key: number, register: number = REG_1): void {
  expr(list, "meta", (w) => w.attr(2, be32(key)).attr(1, be32(register)));
}
/** `length` bytes from `offset` of the transport header on. */
export function loadTransport(list: NlWriter, offset: number, length: number, register: number = REG_1): void {
  expr(list, "payload", (w) => {
    w.attr(1, be32(register)).attr(2, be32(NFT.NFT_PAYLOAD_TRANSPORT_HEADER));
    w.attr(3, be32(offset)).attr(4, be32(length));
  });
}
export function and(list: NlWriter, mask: Uint8Array, register: number = REG_1): void {
  expr(list, "bitwise", (w) => {
    w.attr(1, be32(register)).attr(2, be32(register)).attr(6, be32(0)).attr(3, be32(mask.length));
    value(w, 4, mask);
    value(w, 5, new Uint8Array(mask.length));
  });
}
/** The rule goes on when the register's first bytes are `wanted`, or with NFT_CMP_NEQ, are not. */
export function compare(list: NlWriter, op: number, wanted: Uint8Array, register: number = REG_1): void {
  expr(list, "cmp", (w) => {
    w.attr(1, be32(register)).attr(2, be32(op));
    value(w, 3, wanted);
  });
}
export function meta(list: NlWriter, key: number, wanted: Uint8Array): void {
  loadMeta(list, key);
  compare(list, NFT.NFT_CMP_EQ, wanted);
}
/** What the rule decides: NF_DROP, NF_ACCEPT. */
export function verdict(list: NlWriter, code: number): void {
  expr(list, "immediate", (w) => {
    w.attr(1, be32(NFT.NFT_REG_VERDICT)).nest(2, (d) => {
      d.nest(NFT.NFTA_DATA_VERDICT, (v) => v.attr(NFT.NFTA_VERDICT_CODE, be32(code)));
    });
  });
}

/** Of one change: all take effect, or none. */
export type NftMessage = readonly [type: number, flags: number, body: Uint8Array];

export class NftTable {
  readonly #name: string;
  readonly #nl: NetlinkSocket;
  readonly #what: string;

  /** `what` it is for goes into the errors. Throws SystemError. */
  constructor(io: NetlinkIo, name: string, what: string) {
    this.#name = name;
    this.#what = what;
    this.#nl = attempt(what, ADVICE, () => new NetlinkSocket(io, NFT.NETLINK_NETFILTER));
    const body = this.body().attr(NFT.NFTA_TABLE_FLAGS, be32(NFT.NFT_TABLE_F_OWNER)).done();
    try {
      this.change([[NFT.NFT_MSG_NEWTABLE, NL.NLM_F_CREATE, body]]);
    } catch (e) {
      this.#nl.close();
      throw e;
    }
  }
  /** The kernel removes the table with the socket. */
  close(): void {
    this.#nl.close();
  }
  /** struct nfgenmsg and the table's name, with which every message about it begins. */
  body(): NlWriter {
    return new NlWriter().u8(NFT.NFPROTO_INET).u8(0).u16(0).attrText(NFT.NFTA_NAME, this.#name);
  }
  /** A chain that sees packets at `hook`, and lets pass what none of its rules decides. */
  chain(name: string, hook: number, priority: number): NftMessage {
    const w = this.body().attrText(NFT.NFTA_CHAIN_NAME, name);
    w.nest(NFT.NFTA_CHAIN_HOOK, (h) => h.attr(1, be32(hook)).attr(2, be32(priority)));
    w.attr(NFT.NFTA_CHAIN_POLICY, be32(NFT.NF_ACCEPT)).attrText(NFT.NFTA_CHAIN_TYPE, "filter");
    return [NFT.NFT_MSG_NEWCHAIN, NL.NLM_F_CREATE, w.done()];
  }
  /** At the end of a chain. */
  rule(chain: string, expressions: Uint8Array): NftMessage {
    const w = this.body().attrText(NFT.NFTA_RULE_CHAIN, chain);
    w.attr(NFT.NFTA_RULE_EXPRESSIONS | NL.NLA_F_NESTED, expressions);
    return [NFT.NFT_MSG_NEWRULE, NL.NLM_F_CREATE | NL.NLM_F_APPEND, w.done()];
  }
  /** A set of keys of `length` bytes; `id` tells the sets of one change apart. */
  set(name: string, length: number, id: number): NftMessage {
    const w = this.body().attrText(NFT.NFTA_SET_NAME, name);
    w.attr(NFT.NFTA_SET_FLAGS, be32(0)).attr(NFT.NFTA_SET_KEY_TYPE, be32(0));
    w.attr(NFT.NFTA_SET_KEY_LEN, be32(length)).attr(NFT.NFTA_SET_ID, be32(id));
    return [NFT.NFT_MSG_NEWSET, NL.NLM_F_CREATE, w.done()];
  }
  element(type: "add" | "remove", set: string, key: Uint8Array): NftMessage {
    const w = this.body().attrText(NFT.NFTA_SET_ELEM_LIST_SET, set);
    w.nest(NFT.NFTA_SET_ELEM_LIST_ELEMENTS, (all) => {
      all.nest(NFT.NFTA_LIST_ELEM, (e) => value(e, NFT.NFTA_SET_ELEM_KEY, key));
    });
    return type === "add" ? [NFT.NFT_MSG_NEWSETELEM, NL.NLM_F_CREATE, w.done()] : [NFT.NFT_MSG_DELSETELEM, 0, w.done()];
  }
  /** Throws SystemError. */
  change(messages: readonly NftMessage[]): void {
    const subsystem = NFT.NFNL_SUBSYS_NFTABLES;
    const mark = new NlWriter().u8(0).u8(0).u8(0).u8(subsystem).done(); // res_id is big endian
    this.#nl.batch(this.#what, ADVICE, [
      [NFT.NFNL_MSG_BATCH_BEGIN, 0, mark],
      ...messages.map(([t, f, body]) => [(subsystem << 8) | t, f | NL.NLM_F_ACK, body] as const),
      [NFT.NFNL_MSG_BATCH_END, 0, mark],
    ]);
  }
  /** What the kernel answers to a question about one thing of the table; empty: nothing. Throws SystemError. */
  ask(type: number, body: Uint8Array): Uint8Array {
    const [m] = this.#nl.ask(this.#what, ADVICE, (NFT.NFNL_SUBSYS_NFTABLES << 8) | type, 0, body);
    return m?.body ?? new Uint8Array(0);
  }
}

/** An interface's name as NFT_META_IIFNAME and NFT_META_OIFNAME have it; NAME*: what all of NAME's begin with. */
export function nameBytes(ifname: string): Uint8Array {
  if (ifname.endsWith("*")) return utf8(ifname.slice(0, -1));
  const name = new Uint8Array(16); // IFNAMSIZ
  name.set(utf8(ifname));
  return name;
}
