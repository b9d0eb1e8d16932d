// Callback (RFC 1570 §2.3) and CBCP, which this side does not have: refused by name, and named where a session fails.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { PppConfig } from "../../src/ppp/api.ts";
import { CLIENT, CODE, PROTOCOL, SERVER, scripted } from "./pair.ts";

const { lcp, ipcp, cbcp } = PROTOCOL;
const CALLBACK = { type: 13, data: Uint8Array.of(6) }; // by CBCP, as Windows asks for it
const ADDRESS = { type: 3, data: Uint8Array.of(10, 99, 0, 10) };
const WORDS = /; it has asked to be called back, which this side does not do$/;

for (const [role, cfg] of [
  ["client", { ...CLIENT, ipcp: { local: "10.99.0.9", remote: null, requestDns: false } }],
  ["server", { ...SERVER, require: [] }],
] as const) {
  const open = (c: PppConfig = cfg) => {
    const r = scripted(c);
    r.peer.agree(lcp, ipcp);
    r.side.session.start();
    const rejected = (): string[] => r.side.events.flatMap((e) => (e.kind === "ppp.rejected" ? [e.what] : []));
    return { ...r, rejected };
  };
  describe(role, () => {
    test("a peer that hangs up for it", () => {
      const { clock, side, peer, rejected } = open();
      peer.request(lcp, 1, [CALLBACK]);
      assert.deepEqual(peer.options(lcp, CODE.configureReject), [CALLBACK]);
      assert.deepEqual(rejected(), ["LCP option: callback"]);
      peer.say(lcp, CODE.terminateRequest, 2);
      clock.advance(30_000);
      assert.equal(side.downs[0]?.code, "peer-terminated");
      assert.match(side.downs[0]?.text ?? "", WORDS);
    });
    test("a peer that insists", () => {
      const { clock, side, peer } = open();
      for (let id = 1; id < 90; id++) {
        peer.request(lcp, id, [CALLBACK]);
        clock.advance(1000);
      }
      assert.equal(side.downs.length, 1);
      assert.match(side.downs[0]?.text ?? "", WORDS);
    });
    test("CBCP is rejected by its name, and a peer that ends for it is named", () => {
      const { clock, side, peer, rejected } = open();
      peer.request(lcp, 1, []);
      peer.say(cbcp, 1, 1);
      assert.deepEqual([...(peer.last(lcp, CODE.protocolReject)?.body ?? [])].slice(0, 2), [0xc0, 0x29]);
      assert.deepEqual(rejected(), ["CBCP"]);
      peer.say(lcp, CODE.terminateRequest, 2);
      clock.advance(30_000);
      assert.match(side.downs[0]?.text ?? "", WORDS);
    });
    test("a peer that does without is not reproached for it", () => {
      const { clock, side, peer } = open();
      peer.request(lcp, 1, [CALLBACK]);
      peer.request(lcp, 2, []);
      peer.request(ipcp, 3, [ADDRESS]);
      clock.advance(100);
      assert.equal(side.ups.length, 1);
      peer.say(lcp, CODE.terminateRequest, 4);
      clock.advance(30_000);
      assert.equal(side.downs[0]?.code, "peer-terminated");
      assert.doesNotMatch(side.downs[0]?.text ?? "", /called back/);
    });
  });
}
