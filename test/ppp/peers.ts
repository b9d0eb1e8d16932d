// A scripted peer of a session, brought up to a phase.
import assert from "node:assert/strict";
import { unhex, utf8 } from "../../src/core/text.ts";
import type { PppConfig } from "../../src/ppp/api.ts";
import { readChapValue, writeChapValue } from "../../src/ppp/auth/chap.ts";
import type { AuthMethod } from "../../src/ppp/auth/methods.ts";
import { chapMd5 } from "../../src/ppp/auth/proof.ts";
import { be32 } from "../../src/ppp/cp.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import { CLIENT, CODE, PROTOCOL, type Script, SERVER, scripted } from "./pair.ts";

export const h = (s: string): Uint8Array => unhex(s.replace(/\s/g, "")) ?? assert.fail("bad hex");
export const { lcp, pap, chap, ipcp } = PROTOCOL;
export const AUTH_OPTION: Readonly<Record<AuthMethod, Uint8Array>> = {
  pap: h("c023"),
  chap: h("c22305"),
  mschap: h("c22380"),
  eap: h("c227"),
  mschapv2: h("c22381"),
};

/** LCP opened towards our server; the peer has not said who it is. */
export function server(method: AuthMethod, cfg: Partial<PppConfig> = {}) {
  const r = scripted({ ...SERVER, require: [method], ...cfg });
  r.peer.agree(lcp);
  r.side.session.start();
  r.peer.request(lcp, 1, [{ type: 5, data: be32(0x11223344) }]);
  assert.equal(r.side.session.status().phase, "authenticate");
  return r;
}
/** LCP opened towards our client, which is to authenticate itself. */
export function client(auth: Uint8Array, cfg: Partial<PppConfig> = {}) {
  const r = scripted({ ...CLIENT, ...cfg });
  r.peer.agree(lcp);
  r.side.session.start();
  r.peer.request(lcp, 1, [
    { type: 3, data: auth },
    { type: 5, data: be32(0x11223344) },
  ]);
  return r;
}
export function login(peer: Script, password = "wonderland", user = "alice"): void {
  const asked = peer.last(chap, 1) ?? assert.fail("no challenge");
  const value = chapMd5(crypto, asked.id, utf8(password), readChapValue(asked.body).value);
  peer.say(chap, 2, asked.id, writeChapValue({ value, name: utf8(user) }));
}
/** A network phase with our server, after CHAP. */
export function loggedIn(cfg: Partial<PppConfig> = {}) {
  const r = server("chap", cfg);
  login(r.peer);
  assert.equal(r.side.session.status().phase, "network");
  return r;
}
export function up(cfg: Partial<PppConfig> = {}) {
  const r = loggedIn(cfg);
  r.peer.agree(ipcp);
  const asked = r.peer.last(ipcp, 1) ?? assert.fail("no IPCP");
  r.peer.say(ipcp, CODE.configureAck, asked.id, asked.body);
  r.peer.request(ipcp, 7, [{ type: 3, data: h("0a63000a") }]);
  assert.equal(r.side.ups.length, 1);
  return r;
}
