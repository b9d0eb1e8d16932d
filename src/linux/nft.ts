// nftables by netlink (linux/netfilter/nf_tables.h): TCP's MSS of what is forwarded by a netdev, where no packet visits
// us. One table of our own, which no other program can change and the kernel removes with our socket; a chain for each
// netdev.
import { utf8 } from "../core/text.ts";
import { attempt } from "./errno.ts";
import { type NetlinkIo, NetlinkSocket, NlWriter } from "./netlink.ts";
import { NFT, NL } from "./uapi.ts";

const TABLE = "l2tpsec";
const IFNAMSIZ = 16;
const REG_1 = 1;
const TCP = 6;
const TCP_FLAGS = 13; // offset in the header (RFC 9293 §3.1)
const SYN = 0x02;
const MAXSEG = 2; // kind of the option; its value is 2 bytes behind 2 (RFC 9293 §3.2)
const IPV4 = 2; // NFPROTO_*
const IPV6 = 10;
const MANGLE = -150; // priority: as iptables' TCPMSS in the table mangle

const ADVICE: Readonly<Record<string, string>> = {
  EPERM: "the daemon needs to be root, or to have CAP_NET_ADMIN",
  EPROTONOSUPPORT: "the kernel has no nftables: opkg install kmod-nft-core",
  EOPNOTSUPP: "the kernel's nftables are too old",
};

function be32(v: number): Uint8Array {
  return Uint8Array.of(v >>> 24, v >>> 16, v >>> 8, v);
}
function header(): NlWriter {
  return new NlWriter().u8(NFT.NFPROTO_INET).u8(0).u16(0); // struct nfgenmsg
}
function expr(list: NlWriter, name: string, data: (w: NlWriter) => void): void {
  list.nest(NFT.NFTA_LIST_ELEM, (e) => {
    e.attrText(NFT.NFTA_EXPR_NAME, name).nest(NFT.NFTA_EXPR_DATA, data);
  });
}
function value(w: NlWriter, type: number, v: Uint8Array): void {
  w.nest(type, (d) => d.attr(NFT.NFTA_DATA_VALUE, v));
}
function meta(list: NlWriter, key: number, wanted: Uint8Array): void {
  expr(list, "meta", (w) => w.attr(2, be32(key)).attr(1, be32(REG_1)));
  compare(list, NFT.NFT_CMP_EQ, wanted);
}
function compare(list: NlWriter, op: number, wanted: Uint8Array): void {
  expr(list, "cmp", (w) => {
    w.attr(1, be32(REG_1)).attr(2, be32(op));
    value(w, 3, wanted);
  });
}

/** The expressions of a rule: SYNs that come in (or go out) by `ifname` have an MSS of `mss` at most. */
export function encodeClamp(ifname: string, direction: "in" | "out", family: 4 | 6, mss: number): Uint8Array {
  const name = new Uint8Array(IFNAMSIZ);
  name.set(utf8(ifname));
  const list = new NlWriter();
  meta(list, direction === "in" ? NFT.NFT_META_IIFNAME : NFT.NFT_META_OIFNAME, name);
  meta(list, NFT.NFT_META_NFPROTO, Uint8Array.of(family === 4 ? IPV4 : IPV6));
  meta(list, NFT.NFT_META_L4PROTO, Uint8Array.of(TCP));
  expr(list, "payload", (w) => {
    w.attr(1, be32(REG_1)).attr(2, be32(NFT.NFT_PAYLOAD_TRANSPORT_HEADER)).attr(3, be32(TCP_FLAGS)).attr(4, be32(1));
  });
  expr(list, "bitwise", (w) => {
    w.attr(1, be32(REG_1)).attr(2, be32(REG_1)).attr(6, be32(0)).attr(3, be32(1));
    value(w, 4, Uint8Array.of(SYN));
    value(w, 5, Uint8Array.of(0));
  });
  compare(list, NFT.NFT_CMP_NEQ, Uint8Array.of(0));
  expr(list, "immediate", (w) => {
    w.attr(1, be32(REG_1));
    value(w, 2, Uint8Array.of(mss >>> 8, mss));
  });
  // A smaller one stays: the kernel never makes it larger (nft_exthdr_tcp_set_eval).
  expr(list, "exthdr", (w) => {
    w.attr(7, be32(REG_1)).attr(2, Uint8Array.of(MAXSEG)).attr(3, be32(2)).attr(4, be32(2)).attr(6, be32(1));
  });
  return list.done();
}

export class MssClamp {
  readonly #nl: NetlinkSocket;
  /** Throws SystemError. */
  constructor(io: NetlinkIo) {
    this.#nl = attempt("cannot use nftables", ADVICE, () => new NetlinkSocket(io, NFT.NETLINK_NETFILTER));
    const body = header().attrText(NFT.NFTA_NAME, TABLE).attr(NFT.NFTA_TABLE_FLAGS, be32(NFT.NFT_TABLE_F_OWNER)).done();
    try {
      this.#change([[NFT.NFT_MSG_NEWTABLE, NL.NLM_F_CREATE, body]]);
    } catch (e) {
      this.#nl.close();
      throw e;
    }
  }
  /** From now on; `mss` of IPv4, 20 less for IPv6. Throws SystemError. */
  add(ifname: string, mss: number): void {
    const chain = header().attrText(NFT.NFTA_NAME, TABLE).attrText(NFT.NFTA_CHAIN_NAME, ifname);
    chain.nest(NFT.NFTA_CHAIN_HOOK, (h) => h.attr(1, be32(NFT.NF_INET_FORWARD)).attr(2, be32(MANGLE)));
    chain.attr(NFT.NFTA_CHAIN_POLICY, be32(1)).attrText(NFT.NFTA_CHAIN_TYPE, "filter");
    const rules = ([4, 6] as const).flatMap((family) =>
      (["in", "out"] as const).map((d): [number, number, Uint8Array] => {
        const list = encodeClamp(ifname, d, family, family === 4 ? mss : mss - 20);
        const w = header().attrText(NFT.NFTA_NAME, TABLE).attrText(NFT.NFTA_RULE_CHAIN, ifname);
        w.attr(NFT.NFTA_RULE_EXPRESSIONS | NL.NLA_F_NESTED, list);
        return [NFT.NFT_MSG_NEWRULE, NL.NLM_F_CREATE | NL.NLM_F_APPEND, w.done()];
      }),
    );
    this.#change([[NFT.NFT_MSG_NEWCHAIN, NL.NLM_F_CREATE, chain.done()], ...rules]);
  }
  /** Throws SystemError when it is gone. */
  remove(ifname: string): void {
    const rules = header().attrText(NFT.NFTA_NAME, TABLE).attrText(NFT.NFTA_RULE_CHAIN, ifname).done();
    const chain = header().attrText(NFT.NFTA_NAME, TABLE).attrText(NFT.NFTA_CHAIN_NAME, ifname).done();
    this.#change([
      [NFT.NFT_MSG_DELRULE, 0, rules],
      [NFT.NFT_MSG_DELCHAIN, 0, chain],
    ]);
  }
  /** The kernel removes the table with the socket. */
  close(): void {
    this.#nl.close();
  }

  #change(messages: readonly (readonly [type: number, flags: number, body: Uint8Array])[]): void {
    const subsystem = NFT.NFNL_SUBSYS_NFTABLES;
    const mark = new NlWriter().u8(0).u8(0).u8(0).u8(subsystem).done(); // res_id is big endian
    this.#nl.batch("cannot clamp the MSS", ADVICE, [
      [NFT.NFNL_MSG_BATCH_BEGIN, 0, mark],
      ...messages.map(([t, f, body]) => [(subsystem << 8) | t, f | NL.NLM_F_ACK, body] as const),
      [NFT.NFNL_MSG_BATCH_END, 0, mark],
    ]);
  }
}
