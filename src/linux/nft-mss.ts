// TCP's MSS of what is forwarded by a netdev, where no packet visits us: a chain of nftables for each netdev, or for
// all of a server's (NAME*), as every packet passes every chain.
import { type NetlinkIo, NlWriter } from "./netlink.ts";
import {
  and,
  be32,
  compare,
  expr,
  loadTransport,
  meta,
  type NftMessage,
  NftTable,
  nameBytes,
  REG_1,
  value,
} from "./nft.ts";
import { NFT } from "./uapi.ts";

const TCP = 6;
const TCP_FLAGS = 13; // offset in the header (RFC 9293 §3.1)
const SYN = 0x02;
const MAXSEG = 2; // kind of the option; its value is 2 bytes behind 2 (RFC 9293 §3.2)
const MANGLE = -150; // priority: as iptables' TCPMSS in the table mangle

/** The expressions of a rule: SYNs that come in (or go out) by `ifname` have an MSS of `mss` at most. */
export function encodeClamp(ifname: string, direction: "in" | "out", family: 4 | 6, mss: number): Uint8Array {
  const list = new NlWriter();
  meta(list, direction === "in" ? NFT.NFT_META_IIFNAME : NFT.NFT_META_OIFNAME, nameBytes(ifname));
  meta(list, NFT.NFT_META_NFPROTO, Uint8Array.of(family === 4 ? NFT.NFPROTO_IPV4 : NFT.NFPROTO_IPV6));
  meta(list, NFT.NFT_META_L4PROTO, Uint8Array.of(TCP));
  loadTransport(list, TCP_FLAGS, 1);
  and(list, Uint8Array.of(SYN));
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
  readonly #table: NftTable;
  /** Throws SystemError. */
  constructor(io: NetlinkIo) {
    this.#table = new NftTable(io, "l2tpsec", "cannot clamp the MSS");
  }
  /** From now on; `mss` of IPv4, 20 less for IPv6. Throws SystemError. */
  add(ifname: string, mss: number): void {
    const table = this.#table;
    const rules = ([4, 6] as const).flatMap((family) =>
      (["in", "out"] as const).map((d): NftMessage => {
        return table.rule(ifname, encodeClamp(ifname, d, family, family === 4 ? mss : mss - 20));
      }),
    );
    table.change([table.chain(ifname, NFT.NF_INET_FORWARD, MANGLE), ...rules]);
  }
  /** Throws SystemError when it is gone. */
  remove(ifname: string): void {
    const rules = this.#table.body().attrText(NFT.NFTA_RULE_CHAIN, ifname).done();
    const chain = this.#table.body().attrText(NFT.NFTA_CHAIN_NAME, ifname).done();
    this.#table.change([
      [NFT.NFT_MSG_DELRULE, 0, rules],
      [NFT.NFT_MSG_DELCHAIN, 0, chain],
    ]);
  }
  close(): void {
    this.#table.close();
  }
}
