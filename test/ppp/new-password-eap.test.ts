// A password that has expired, changed by our client inside EAP-MSCHAPv2.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Secret } from "../../src/core/secret.ts";
import { concat, hex, unhex, utf8 } from "../../src/core/text.ts";
import { writeChapValue } from "../../src/ppp/auth/chap.ts";
import { OP, readMschapv2, writeMschapv2 } from "../../src/ppp/auth/eap.ts";
import { readChange } from "../../src/ppp/auth/new-password.ts";
import { judge } from "../../src/ppp/auth/proof.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import { opened } from "../radius/expired.ts";
import { CLIENT, PROTOCOL, scripted } from "./pair.ts";

const OLD = "wonderland";
const NEW = "through the looking-glass";

describe("inside EAP, as the client", () => {
  const FAILED = utf8("E=648 R=0 C=00112233445566778899AABBCCDDEEFF V=3 M=old");
  function server(next: string | null) {
    let renewed = 0;
    const identity = { user: "alice", password: Secret.of(OLD), newPassword: next === null ? null : Secret.of(next) };
    const { clock, side, peer } = scripted({ ...CLIENT, identity }, { onRenewed: () => void renewed++ });
    peer.agree(PROTOCOL.lcp);
    side.session.start();
    peer.request(PROTOCOL.lcp, 1, [{ type: 3, data: Uint8Array.of(0xc2, 0x27) }]);
    const ask = (id: number, op: number, data: Uint8Array): Uint8Array => {
      const body = concat([Uint8Array.of(26), writeMschapv2({ op, id, data })]);
      peer.say(PROTOCOL.eap, 1, id, body);
      return peer.last(PROTOCOL.eap, 2)?.body ?? assert.fail("no response");
    };
    ask(9, OP.challenge, writeChapValue({ value: new Uint8Array(16).fill(7), name: utf8("nas") }));
    return { clock, side, peer, ask, renewed: () => renewed };
  }
  test("the new password goes out after E=648, and the server proves that it has it", () => {
    const s = server(NEW);
    const change = readMschapv2(s.ask(10, OP.failure, FAILED).subarray(1));
    assert.deepEqual([change.op, change.id, change.data.length], [OP.changePassword, 11, 582]);
    const { value, password, rest } = readChange("mschapv2", change.data);
    assert.equal(opened(OLD, password, rest.subarray(0, 16)), NEW);
    const challenge = unhex("00112233445566778899aabbccddeeff") ?? assert.fail();
    const proof = { method: "mschapv2", user: "alice", id: 0, challenge, value } as const;
    const v = judge(crypto, proof, () => Secret.of(NEW));
    assert.equal(v.is, "accepted");
    assert.equal(hex(s.ask(11, OP.success, v.is === "accepted" ? v.message : utf8(""))), "1a03");
    s.peer.say(PROTOCOL.eap, 3, 11);
    s.clock.advance(10);
    assert.deepEqual([s.renewed(), s.side.session.status().phase], [1, "network"]);
  });
  test("without one, or a second time, it is a refusal; and a false proof is none", () => {
    assert.equal(hex(server(null).ask(10, OP.failure, FAILED)), "1a04");
    const s = server(NEW);
    s.ask(10, OP.failure, FAILED);
    assert.equal(hex(s.ask(11, OP.failure, FAILED)), "1a04");
    const f = server(NEW);
    f.ask(10, OP.failure, FAILED);
    f.ask(11, OP.success, utf8(`S=${"00".repeat(20)}`));
    f.clock.advance(10_000);
    assert.deepEqual([f.side.downs[0]?.code, f.renewed()], ["server-not-authentic", 0]);
  });
});
