// What binds L2TP calls to marks, as netlink messages; test/rig/kernel-newer.test.ts shows what the kernel makes of
// them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SystemError } from "../../src/core/errors.ts";
import { hex } from "../../src/core/text.ts";
import { decodeMessages, encodeMessage, LITTLE_ENDIAN, type NetlinkIo, NlWriter } from "../../src/linux/netlink.ts";
import { BoundCalls, countOf, encodeBound, encodeFragments, encodeOthers, keysOf } from "../../src/linux/nft-calls.ts";
import { NFT, NL } from "../../src/linux/uapi.ts";

const skip = LITTLE_ENDIAN ? false : "golden bytes are of a little-endian machine";
const UDP = `24000180 09000100 6d657461 00000000 14000280 08000200 00000010 08000100 00000001
  2c000180 08000100 636d7000 20000280 08000100 00000001 08000200 00000000 0c000380 05000100 11000000`;
/** Two bytes behind UDP's header, without the bits that do not count, are these. */
const flags = (wanted: string): string => `
  34000180 0c000100 7061796c6f616400 24000280
    08000100 00000001 08000200 00000002 08000300 00000008 08000400 00000002
  4c000180 0c000100 6269747769736500 3c000280 08000100 00000001 08000200 00000001 08000600 00000000
    08000300 00000002 0c000480 06000100 c00f0000 0c000580 06000100 00000000
  2c000180 08000100 636d7000 20000280 08000100 00000001 08000200 00000000 0c000380 06000100 ${wanted} 0000`;
const ids = (offset: string): string => `
  34000180 0c000100 7061796c6f616400 24000280
    08000100 00000008 08000200 00000002 08000300 ${offset} 08000400 00000004`;
function golden(text: string): string {
  return text.replace(/\s/g, "");
}

test("data of a bound call passes with the call's mark: with a length in its header, and without", { skip }, () => {
  const rest = `
    24000180 09000100 6d657461 00000000 14000280 08000200 00000003 08000100 00000009
    4c000180 0c000100 6269747769736500 3c000280 08000100 00000009 08000200 00000009 08000600 00000000
      08000300 00000004 0c000480 08000100 0000ffff 0c000580 08000100 00000000
    28000180 0b000100 6c6f6f6b75700000 18000280 0a000100 626f756e64000000 08000200 00000001
    30000180 0e000100 696d6d656469617465000000 1c000280 08000100 00000000 10000280 0c000280 08000100 00000001`;
  assert.equal(hex(encodeBound(false, 0xffff_0000)), golden(UDP + flags("0002") + ids("0000000a") + rest));
  assert.equal(hex(encodeBound(true, 0xffff_0000)), golden(UDP + flags("4002") + ids("0000000c") + rest));
});

test("other data of a bound call, and IPv6 fragments inside ESP, are counted and dropped", { skip }, () => {
  const drop = `
    28000180 0b000100 6f626a7265660000 18000280 08000100 00000001 0c000200 7265667573656400
    30000180 0e000100 696d6d656469617465000000 1c000280 08000100 00000000 10000280 0c000280 08000100 00000000`;
  const calls = "28000180 0b000100 6c6f6f6b75700000 18000280 0a000100 63616c6c73000000 08000200 00000008";
  assert.equal(hex(encodeOthers(false)), golden(UDP + flags("0002") + ids("0000000a") + calls + drop));
  assert.match(hex(encodeFragments()), new RegExp(`^.*65787468647200002c000280.*${golden(drop)}$`));
});

test("keys have the ids as they are on the wire, and the mark as a register holds it", { skip }, () => {
  const k = keysOf(0x0102, 0x0304, 0x7_0000);
  assert.deepEqual([hex(k.ids), hex(k.bound)], ["01020304", "0102030400000700"]);
});

/** A kernel that says yes to everything but what `refuse` names, and has counted `refused` packets. */
function kernel(refuse: number, refused: number): { io: NetlinkIo; sent: number[]; closed: number } {
  const answers: Uint8Array[] = [];
  const state = {
    sent: [] as number[],
    closed: 0,
    io: {
      constants: { EPROTONOSUPPORT: 93 },
      netlinkOpen: () => 3,
      send: (_: number, bytes: Uint8Array) => {
        for (const m of decodeMessages(bytes)) {
          const type = m.type & 0xff;
          if (m.type >= 0x100) state.sent.push(type);
          const error = new NlWriter()
            .u32(type === refuse ? 2 ** 32 - 93 : 0)
            .u32(0)
            .u32(0)
            .u32(0)
            .u32(0);
          if (type === NFT.NFT_MSG_GETOBJ) {
            const w = new NlWriter().u32(0).nest(NFT.NFTA_OBJ_DATA, (d) => {
              d.attr(NFT.NFTA_COUNTER_PACKETS, Uint8Array.of(0, 0, 0, 0, 0, 0, refused >> 8, refused & 255));
            });
            answers.push(encodeMessage((NFT.NFNL_SUBSYS_NFTABLES << 8) | NFT.NFT_MSG_NEWOBJ, 0, m.seq, w.done()));
          } else if ((m.flags & NL.NLM_F_ACK) !== 0)
            answers.push(encodeMessage(NL.NLMSG_ERROR, 0, m.seq, error.done()));
        }
        return bytes.length;
      },
      recv: (_: number, into: Uint8Array) => {
        const a = answers.shift();
        if (!a) return -1;
        into.set(a);
        return a.length;
      },
      setsockopt: () => {},
      watch: () => ({ stop: () => {} }),
      close: () => void state.closed++,
    },
  };
  return state;
}

test("a call is bound and released; what was refused is the kernel's counter; without nftables there is none", () => {
  const k = kernel(-1, 0x0107);
  const bound = new BoundCalls(k.io, 0xffff_0000);
  k.sent.splice(0);
  bound.bind(1, 2, 0x1_0000);
  bound.release(1, 2, 0x1_0000);
  const [add, remove] = [NFT.NFT_MSG_NEWSETELEM, NFT.NFT_MSG_DELSETELEM];
  assert.deepEqual(k.sent, [add, add, remove, remove]);
  assert.equal(bound.refused(), 0x0107);
  assert.equal(countOf(new Uint8Array(4)), 0);
  bound.close();
  assert.equal(k.closed, 1);
  for (const refuse of [NFT.NFT_MSG_NEWTABLE, NFT.NFT_MSG_NEWSET]) {
    const old = kernel(refuse, 0);
    const opened = (): BoundCalls => new BoundCalls(old.io, 0xffff_0000);
    assert.throws(opened, (e) => e instanceof SystemError && /bind L2TP calls.*kmod-nft-core/.test(e.message));
    assert.equal(old.closed, 1);
  }
});
