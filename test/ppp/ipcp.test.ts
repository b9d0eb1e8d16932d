// IPCP in a session: both roles.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { hex, utf8 } from "../../src/core/text.ts";
import type { PppConfig } from "../../src/ppp/api.ts";
import { CLIENT, CODE, scripted } from "./pair.ts";
import { h, ipcp, lcp, loggedIn, up } from "./peers.ts";

describe("IPCP", () => {
  test("server: 0.0.0.0, another address or none is Nak'd with the assigned one; insisting ends it", () => {
    const { clock, side, peer } = loggedIn();
    for (const [id, options] of [
      [1, "0306 00000000"],
      [2, "0306 0a630063"],
      [3, ""],
      [4, "0303 00"],
      [5, "0306 08080808"],
    ] as const) {
      peer.say(ipcp, 1, id, h(options));
      assert.equal(hex(peer.last(ipcp, 3)?.body ?? h("")), "03060a63000a", `request ${id}`);
    }
    peer.say(ipcp, 1, 6, h("0306 08080808"));
    clock.advance(10_000);
    assert.deepEqual([side.ups, side.downs[0]?.code], [[], "ipcp-failed"]);
    assert.match(side.downs[0]?.text ?? "", /8\.8\.8\.8.*10\.99\.0\.10/);
  });
  test("server: DNS and WINS as it has them, the rest and compression rejected", () => {
    const { peer } = loggedIn();
    peer.say(ipcp, 1, 1, h("0206 002d0f01 0306 00000000 8106 00000000 8206 00000000 8306 00000000 8406 00000000"));
    assert.equal(hex(peer.last(ipcp, 4)?.body ?? h("")), "0206002d0f01840600000000");
    peer.say(ipcp, 1, 2, h("0306 00000000 8106 00000000 8206 00000000 8306 00000000"));
    assert.equal(hex(peer.last(ipcp, 3)?.body ?? h("")), "03060a63000a81060a63003582060a63003c83060a630036");
    peer.say(ipcp, 1, 3, h("0306 0a63000a 8106 0a630035 8206 0a63003c 8306 0a630036"));
    assert.equal(peer.last(ipcp, 2)?.id, 3);
  });
  test("renegotiated when up: down to the network phase, and up again", () => {
    const { side, peer } = up();
    peer.request(ipcp, 8, [{ type: 3, data: h("0a63000a") }]);
    assert.equal(side.ups.length, 2);
    assert.deepEqual(side.phases.slice(-2), ["network", "network"]);
  });
  const asClient = (cfg: Partial<PppConfig["ipcp"]> = {}) => {
    const r = scripted({ ...CLIENT, identity: null, ipcp: { ...CLIENT.ipcp, ...cfg } });
    r.peer.agree(lcp);
    r.side.session.start();
    r.peer.request(lcp, 1, []);
    return r;
  };
  test("client: a server without an address of its own is 0.0.0.0, and good enough", () => {
    for (const request of ["", "0306 00000000"]) {
      const { side, peer } = asClient({ requestDns: false });
      const asked = peer.last(ipcp, 1) ?? assert.fail("nothing asked");
      peer.say(ipcp, 3, asked.id, h("0306 c0a80102"));
      const again = peer.last(ipcp, 1) ?? assert.fail("nothing asked");
      assert.equal(hex(again.body), "0306c0a80102");
      peer.say(ipcp, 2, again.id, again.body);
      peer.say(ipcp, 1, 1, h(request));
      if (request !== "") {
        assert.equal(hex(peer.last(ipcp, 4)?.body ?? h("")), request.replace(" ", ""));
        peer.say(ipcp, 1, 2, h(""));
      }
      assert.deepEqual([side.ups[0]?.local, side.ups[0]?.remote], ["192.168.1.2", "0.0.0.0"]);
    }
  });
  test("client: no address is a failure in words, whichever way it is withheld", () => {
    for (const reply of ["ack", "reject", "nak-zero", "nak-loopback"] as const) {
      const { clock, side, peer } = asClient();
      peer.react = (p) => {
        if (p.protocol !== ipcp || p.code !== 1) return;
        if (reply === "ack") peer.say(ipcp, 2, p.id, p.body);
        else if (reply === "reject") peer.say(ipcp, 4, p.id, p.body.subarray(0, 6));
        else peer.say(ipcp, 3, p.id, reply === "nak-zero" ? h("0306 00000000") : h("0306 7f000001"));
      };
      peer.react(peer.last(ipcp, 1) ?? assert.fail("nothing asked"));
      peer.request(ipcp, 1, [{ type: 3, data: h("c0a80101") }]);
      clock.advance(10_000);
      assert.deepEqual([side.downs[0]?.code, side.ups.length], ["no-address", 0], reply);
    }
  });
  test("client: a configured address is kept, or the failure says both", () => {
    const { clock, side, peer } = asClient({ local: "10.1.1.1" });
    peer.react = (p) => {
      if (p.protocol === ipcp && p.code === 1) peer.say(ipcp, 3, p.id, h("0306 0a020202"));
    };
    peer.react(peer.last(ipcp, 1) ?? assert.fail("nothing asked"));
    clock.advance(10_000);
    assert.equal(side.downs[0]?.code, "no-address");
    assert.match(side.downs[0]?.text ?? "", /10\.2\.2\.2.*10\.1\.1\.1/);
  });
  test("a silent IPCP, and a peer that closes it", () => {
    const silent = loggedIn();
    silent.clock.advance(60_000);
    assert.equal(silent.side.downs[0]?.code, "ipcp-failed");
    const closed = up();
    closed.peer.say(ipcp, CODE.terminateRequest, 3, utf8("bye"));
    closed.clock.advance(20_000);
    assert.deepEqual([closed.side.downs[0]?.code, closed.side.downs.length], ["ipcp-failed", 1]);
    assert.match(closed.side.downs[0]?.text ?? "", /bye/);
  });
});
