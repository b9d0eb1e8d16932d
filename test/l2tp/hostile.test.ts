// What strangers and misbehaving peers may send: no exception, no growth, no amplification.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Reader } from "../../src/core/bytes.ts";
import { Packet } from "../../src/core/packet.ts";
import { decodeMessage, encodeMessage } from "../../src/l2tp/wire/avp.ts";
import { readControl, writeControl } from "../../src/l2tp/wire/header.ts";
import type { MessageName, MessageOf } from "../../src/l2tp/wire/messages.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { runs } from "../runs.ts";
import { seededRng } from "../sim/simnet.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { CALL, names, raw, STOP } from "./messages.ts";
import { config, Pair, remote, Side } from "./pair.ts";

describe("hostile input", () => {
  function established(): { p: Pair; tunnel: number; spoof: (b: Uint8Array, from?: string) => void } {
    const p = new Pair();
    p.connect();
    p.run(200);
    const tunnel = [...p.b.endpoint.tunnels()][0]?.id ?? 0;
    return { p, tunnel, spoof: (b, from = "evil") => p.inject("b", b, from) };
  }
  test("a tunnel belongs to one remote", () => {
    const { p, tunnel, spoof } = established();
    const n = p.log.length;
    spoof(raw("StopCCN", { assignedTunnelId: 1, resultCode: { result: 1 } }, { tunnelId: tunnel, Ns: 2, Nr: 1 }));
    p.run(1000);
    assert.deepEqual([p.b.said, p.b.endpoint.counters.get("l2tp.wrong-remote"), p.log.length], [["up lac test"], 1, n]);
  });
  test("60,000 datagrams leave the tunnel up and the tables bounded", () => {
    const { p, tunnel, spoof } = established();
    const rng = seededRng(9);
    const seeds = p.log.map((x) => x.message);
    for (let i = 0; i < 60_000; i++) {
      const b = (seeds[i % seeds.length] as Uint8Array).slice();
      for (let k = 0; k < 3; k++) b[Math.floor(rng.uniform() * b.length)] = Math.floor(rng.uniform() * 256);
      if (i % 3 === 0) {
        b[4] = tunnel >>> 8;
        b[5] = tunnel;
      }
      spoof(b, `evil ${i % 5}`);
      if (i % 100 === 0) p.run(10);
    }
    assert.ok(p.b.endpoint.size <= 65, `${p.b.endpoint.size} tunnels`);
    assert.ok([...p.b.endpoint.tunnels()].some((t) => t.id === tunnel && t.state === "established"));
  });
  test("one answer at most to one datagram from a stranger", () => {
    const { p, spoof } = established();
    const rng = seededRng(3);
    for (let i = 0; i < 2000; i++) {
      const b = (p.log[i % 3]?.message ?? new Uint8Array(20)).slice();
      b[Math.floor(rng.uniform() * b.length)] = i;
      const n = p.log.length;
      spoof(b, `evil ${i}`);
      assert.ok(p.log.length <= n + 1);
    }
  });
  const hello = (id: number, more: Partial<MessageOf<"SCCRQ">> = {}): Uint8Array =>
    raw(
      "SCCRQ",
      { protocolVersion: 0x100, hostName: "x", framingCapabilities: 3, assignedTunnelId: id, ...more },
      { tunnelId: 0, Ns: 0, Nr: 0 },
    );
  test("half-open tunnels: so many of one peer, so many in all, room for the next one, and gone after 40 s", () => {
    const clock = new VirtualClock();
    const side = new Side(clock);
    side.endpoint.acceptTunnel = () => ({ cfg: config("lns"), owner: side.owner() });
    for (let i = 1; i <= 9000; i++) {
      const address = i <= 1000 ? "192.0.2.9" : `10.${i >> 8}.${i & 255}.1`;
      side.plane.onControl({ ...remote(`${address} ${i}`, 0), address }, Packet.of(hello(i)));
      if (i === 1000) assert.equal(side.endpoint.size, 64);
    }
    assert.equal(side.endpoint.size, 4096);
    assert.deepEqual(side.said, []);
    clock.advance(40_001);
    assert.deepEqual([side.endpoint.size, clock.pending()], [0, []]);
  });
  test("a forged SCCRQ is answered once: what the true owner of the address does not answer is not repeated", () => {
    const clock = new VirtualClock();
    const side = new Side(clock);
    side.endpoint.acceptTunnel = () => ({ cfg: config("lns"), owner: side.owner() });
    let sent = 0;
    side.send = () => void sent++;
    for (const more of [{}, { protocolVersion: 0x200 }, { challenge: new Uint8Array(16) }]) {
      sent = 0;
      side.plane.onControl(remote("victim", 0), Packet.of(hello(7, more)));
      clock.advance(120_000);
      assert.equal(sent, 1);
    }
  });
  test("what overtakes the SCCCN, or comes from elsewhere, opens nothing; the SCCCN that follows does", () => {
    const p = new Pair();
    const sent: Uint8Array[] = [];
    p.b.send = (m) => void sent.push(m);
    p.inject("b", hello(7));
    const { header, body } = readControl(new Reader(sent[0] ?? assert.fail("no SCCRP")));
    const tunnelId = decodeMessage(body, { crypto: nodeCrypto, secret: null }).avps.assignedTunnelId ?? 0;
    assert.equal(header.tunnelId, 7);
    const to = (Ns: number, Nr: number): { tunnelId: number; Ns: number; Nr: number } => ({ tunnelId, Ns, Nr });
    p.inject("b", raw("ICRQ", { assignedCallId: 5, callSerialNumber: 1 }, to(2, 1)));
    p.inject("b", raw("SCCCN", {}, to(1, 0))); // has not seen our SCCRP
    p.inject("b", raw("SCCCN", {}, to(1, 1)), "evil");
    p.inject("b", writeControl({ ...to(1, 1), callId: 0 }, new Uint8Array(0)));
    assert.deepEqual(
      [[...p.b.endpoint.tunnels()].length, sent.length, p.b.endpoint.counters.get("l2tp.early")],
      [0, 1, 2],
    );
    p.inject("b", raw("SCCCN", {}, to(1, 1)));
    assert.deepEqual(p.b.said, ["up x "]);
    p.inject("b", hello(8));
    const second = decodeMessage(readControl(new Reader(sent.at(-1) ?? assert.fail("no SCCRP"))).body, {
      crypto: nodeCrypto,
      secret: null,
    });
    p.inject(
      "b",
      raw(
        "StopCCN",
        { assignedTunnelId: 8, resultCode: { result: 1 } },
        { tunnelId: second.avps.assignedTunnelId ?? 0, Ns: 1, Nr: 1 },
      ),
    );
    assert.equal(sent.at(-1)?.length, 12, "a StopCCN is acknowledged");
    assert.equal([...p.b.endpoint.tunnels()].length, 1);
  });
  test("tunnels of one flow: so many, an unused one goes for the next, and none stays without a call", () => {
    const p = new Pair();
    const tunnels = Array.from({ length: 20 }, () => p.connect());
    p.run(1000);
    const open = (): number => tunnels.filter((t) => !t.over).length;
    assert.deepEqual([open(), [...p.b.endpoint.tunnels()].length], [8, 8]);
    const used = tunnels.filter((t) => !t.over);
    for (const t of used) t.placeCall("incoming", CALL, p.a.callOwner());
    p.run(1000);
    p.connect();
    p.run(1000);
    assert.match(p.a.said.at(-1) ?? "", /^down peer-closed: .*not enough resources, "so many tunnels of one peer"/);
    assert.equal(open(), 8, "what is in use stays");
    for (const t of used.slice(2)) for (const c of t.calls.values()) c.close(STOP);
    p.run(55_000);
    assert.equal(open(), 8);
    p.run(10_000);
    assert.equal(open(), 2);
    assert.ok(p.b.said.some((s) => s.startsWith("down no-call")));
  });
  test("a peer in the right place that says anything at all: no exception, no growth, order kept", () => {
    const message = fc.tuple(
      fc.constantFrom<MessageName>(
        "SCCRQ",
        "SCCRP",
        "SCCCN",
        "StopCCN",
        "HELLO",
        "OCRQ",
        "OCRP",
        "OCCN",
        "ICRQ",
        "ICRP",
        "ICCN",
        "CDN",
        "WEN",
        "SLI",
      ),
      fc.nat(3),
      fc.uint8Array({ maxLength: 30 }),
      fc.integer({ min: -2, max: 3 }),
    );
    fc.assert(
      fc.property(fc.array(message, { maxLength: 12 }), fc.boolean(), (list, early) => {
        const p = new Pair();
        const t = p.connect();
        if (!early) {
          p.run(200);
          if (t.state === "established") t.placeCall("incoming", CALL, p.a.callOwner());
          p.run(200);
        } else p.run(12);
        let Ns = early ? 1 : 3;
        for (const [name, which, extra, skip] of list) {
          const target = [...p.b.endpoint.tunnels()][0];
          if (!target) break;
          const id = which === 1 ? ([...target.calls.keys()][0] ?? 5) : which;
          const body = Uint8Array.from([
            ...encodeMessage(name, {
              assignedCallId: which * 7,
              assignedTunnelId: 9,
              callSerialNumber: 1,
              resultCode: { result: 2 },
              accm: { send: 1, receive: 2 },
              protocolVersion: 0x100,
              hostName: "h",
              framingCapabilities: 3,
            } as never),
            ...(skip === 3 ? extra : []),
          ]);
          p.inject(
            "b",
            writeControl({ tunnelId: target.id, callId: id, Ns: (Ns + Math.min(skip, 0)) & 0xffff, Nr: 3 }, body),
          );
          if (skip >= 0) Ns++;
          p.run(50);
        }
        p.run(60_000);
        assert.ok(p.b.endpoint.size <= 2);
        for (const s of [p.a, p.b]) assert.ok(s.said.filter((x) => x.startsWith("down")).length <= 1);
      }),
      { numRuns: runs(300) },
    );
  });
  test("an unknown mandatory AVP in a call ends the call, elsewhere the tunnel", () => {
    const { p, tunnel } = established();
    const unknown = Uint8Array.of(0x80, 6, 0, 9, 0, 1);
    const add = (b: Uint8Array): Uint8Array => Uint8Array.from([...b, ...unknown]);
    p.inject(
      "b",
      writeControl(
        { tunnelId: tunnel, callId: 0, Ns: 2, Nr: 1 },
        add(encodeMessage("ICRQ", { assignedCallId: 5, callSerialNumber: 1 })),
      ),
    );
    p.run(200);
    assert.ok(names(p).slice(-3).includes("b CDN"));
    p.inject("b", writeControl({ tunnelId: tunnel, callId: 0, Ns: 3, Nr: 2 }, add(encodeMessage("HELLO", {}))));
    p.run(200);
    assert.match(p.b.said.at(-1) ?? "", /down unknown-mandatory/);
  });
});
