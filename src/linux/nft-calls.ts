// L2TP calls bound to the mark of their flow's SAs. From Linux 6.11 on the kernel finds a call by its ids alone, in the
// whole network namespace (l2tp_v2_session_get): without this, whoever has an SA of ours could send into the calls of
// others. What a datagram would be to l2tp_udp_encap_recv counts, whatever port it came to.
//
// Calls in the clear are not bound. Only a datagram for the socket of some tunnel comes so far: a stranger needs a
// tunnel with us and both random ids of another's call; and nothing in the clear shows that an address is not forged.
import { SystemError } from "../core/errors.ts";
import { decodeAttrs, type NetlinkIo, NlWriter } from "./netlink.ts";
import {
  and,
  be32,
  compare,
  expr,
  loadMeta,
  loadTransport,
  meta,
  type NftMessage,
  NftTable,
  REG,
  REG_1,
  verdict,
} from "./nft.ts";
import { NFT, NL } from "./uapi.ts";

const TABLE = "l2tpsec-calls";
const CHAIN = "input";
const REFUSED = "refused";
/** Ids of calls that are bound: Tunnel ID and Session ID. */
const CALLS = "calls";
/** Ids, and the mark that may send to them. */
const BOUND = "bound";
const FIRST = -300; // priority: before others' rules of packets for this machine
const UDP = 17;
const FRAGMENT = 44; // IPv6's header of that type (RFC 8200 §4.5)
/** L2TP's header behind UDP's: flags and version, then perhaps a length, then the ids (RFC 2661 §3.1). */
const L2TP = 8;
const LENGTH = 0x40; // of the first byte
const KIND = Uint8Array.of(0x80 | LENGTH, 0x0f); // T and L bits, version

/** A mark as a register holds it. */
function hostOrder(v: number): Uint8Array {
  return new NlWriter().u32(v).done();
}
function countAndDrop(list: NlWriter): void {
  expr(list, "objref", (w) => {
    w.attr(1, be32(NFT.NFT_OBJECT_COUNTER)).attrText(2, REFUSED);
  });
  verdict(list, NFT.NF_DROP);
}
function lookUp(list: NlWriter, set: string, register: number): void {
  expr(list, "lookup", (w) => w.attrText(1, set).attr(2, be32(register)));
}
/** Data messages of version 2, with a length or without, and their ids in the first register. */
function data(list: NlWriter, length: boolean): void {
  meta(list, NFT.NFT_META_L4PROTO, Uint8Array.of(UDP));
  loadTransport(list, L2TP, 2);
  and(list, KIND);
  compare(list, NFT.NFT_CMP_EQ, Uint8Array.of(length ? LENGTH : 0, 2));
  loadTransport(list, L2TP + (length ? 4 : 2), 4, REG[0]);
}

/** The expressions of a rule: data of a bound call passes when its packet has the call's mark. */
export function encodeBound(length: boolean, mask: number): Uint8Array {
  const list = new NlWriter();
  data(list, length);
  loadMeta(list, NFT.NFT_META_MARK, REG[1]);
  and(list, hostOrder(mask), REG[1]);
  lookUp(list, BOUND, REG_1);
  verdict(list, NFT.NF_ACCEPT);
  return list.done();
}
/** Data of a bound call does not pass: it has another mark, or none. */
export function encodeOthers(length: boolean): Uint8Array {
  const list = new NlWriter();
  data(list, length);
  lookUp(list, CALLS, REG[0]);
  countAndDrop(list);
  return list.done();
}
/**
 * IPv6 fragments inside ESP do not pass: put together only behind this chain, they would show no ids here. ESP comes
 * before fragmentation (RFC 4303 §3.3.4), so that no honest peer sends them.
 */
export function encodeFragments(): Uint8Array {
  const list = new NlWriter();
  meta(list, NFT.NFT_META_NFPROTO, Uint8Array.of(NFT.NFPROTO_IPV6));
  meta(list, NFT.NFT_META_SECPATH, Uint8Array.of(1));
  expr(list, "exthdr", (w) => {
    w.attr(1, be32(REG_1)).attr(2, Uint8Array.of(FRAGMENT)).attr(3, be32(0)).attr(4, be32(1));
    w.attr(5, be32(NFT.NFT_EXTHDR_F_PRESENT));
  });
  compare(list, NFT.NFT_CMP_EQ, Uint8Array.of(1));
  countAndDrop(list);
  return list.done();
}
/** The keys of both sets. */
export function keysOf(tunnel: number, call: number, mark: number): { ids: Uint8Array; bound: Uint8Array } {
  const ids = be32(tunnel * 0x1_0000 + call);
  return { ids, bound: new Uint8Array([...ids, ...hostOrder(mark)]) };
}
/** Packets that a named counter has counted, in the kernel's answer to NFT_MSG_GETOBJ. */
export function countOf(body: Uint8Array): number {
  const object = decodeAttrs(body, 4).get(NFT.NFTA_OBJ_DATA);
  const packets = object && decodeAttrs(object, 0).get(NFT.NFTA_COUNTER_PACKETS); // 64 bits, big endian
  return packets?.reduce((n, byte) => n * 0x100 + byte, 0) ?? 0;
}

export class BoundCalls {
  readonly #table: NftTable;

  /** `mask`: what of a mark tells flows apart. Throws SystemError: then no call can be bound. */
  constructor(io: NetlinkIo, mask: number) {
    const table = new NftTable(io, TABLE, "cannot bind L2TP calls to their IPsec peers");
    const counter = table.body().attrText(NFT.NFTA_OBJ_NAME, REFUSED);
    counter.attr(NFT.NFTA_OBJ_TYPE, be32(NFT.NFT_OBJECT_COUNTER)).nest(NFT.NFTA_OBJ_DATA, () => {});
    const both = [false, true] as const;
    try {
      table.change([
        [NFT.NFT_MSG_NEWOBJ, NL.NLM_F_CREATE, counter.done()],
        table.set(CALLS, 4, 1),
        table.set(BOUND, 8, 2),
        table.chain(CHAIN, NFT.NF_INET_LOCAL_IN, FIRST),
        table.rule(CHAIN, encodeFragments()),
        ...both.map((length) => table.rule(CHAIN, encodeBound(length, mask))),
        ...both.map((length) => table.rule(CHAIN, encodeOthers(length))),
      ]);
    } catch (e) {
      table.close();
      throw e;
    }
    this.#table = table;
  }
  /** From now on only packets with `mark` reach the call. Throws SystemError. */
  bind(tunnel: number, call: number, mark: number): void {
    this.#change("add", tunnel, call, mark);
  }
  /** Once the call is closed. Throws SystemError. */
  release(tunnel: number, call: number, mark: number): void {
    this.#change("remove", tunnel, call, mark);
  }
  /** Packets that were for another's call. */
  refused(): number {
    const body = this.#table.body().attrText(NFT.NFTA_OBJ_NAME, REFUSED);
    try {
      return countOf(
        this.#table.ask(NFT.NFT_MSG_GETOBJ, body.attr(NFT.NFTA_OBJ_TYPE, be32(NFT.NFT_OBJECT_COUNTER)).done()),
      );
    } catch (e) {
      if (e instanceof SystemError) return 0;
      throw e;
    }
  }
  close(): void {
    this.#table.close();
  }

  #change(type: "add" | "remove", tunnel: number, call: number, mark: number): void {
    const { ids, bound } = keysOf(tunnel, call, mark);
    const both: readonly NftMessage[] = [
      this.#table.element(type, CALLS, ids),
      this.#table.element(type, BOUND, bound),
    ];
    this.#table.change(both);
  }
}
