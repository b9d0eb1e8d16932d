// A LAC's proxy AVPs (RFC 2661 §4.4.5) in the form that PPP takes, or why they cannot be used.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "../../src/config/load.ts";
import { utf8 } from "../../src/core/text.ts";
import type { Avps } from "../../src/l2tp/wire/avps.ts";
import { proxiedOf } from "../../src/link/proxied.ts";

const LCP: Avps = { lastSentConfreq: Uint8Array.of(7, 2), lastReceivedConfreq: Uint8Array.of(8, 2) };
const CHAP: Avps = {
  ...LCP,
  proxyAuthenType: 2,
  proxyAuthenName: utf8("alice"),
  proxyAuthenChallenge: new Uint8Array(20),
  proxyAuthenId: 9,
  proxyAuthenResponse: new Uint8Array(16),
};
const without = (a: Avps, ...names: (keyof Avps)[]): Avps =>
  Object.fromEntries(Object.entries(a).filter(([n]) => !names.includes(n as keyof Avps)));

test("each kind of proof, and none", () => {
  const found = (a: Avps) => {
    const p = proxiedOf(a);
    return p !== null && typeof p === "object" ? (p.auth?.method ?? "none") : p;
  };
  assert.equal(found(CHAP), "chap");
  assert.equal(found({ ...CHAP, proxyAuthenChallenge: Uint8Array.of(1) }), "chap");
  assert.equal(found({ ...without(CHAP, "proxyAuthenChallenge"), proxyAuthenType: 3 }), "pap");
  const mschap = { proxyAuthenChallenge: new Uint8Array(8), proxyAuthenResponse: new Uint8Array(49) };
  assert.equal(found({ ...CHAP, ...mschap, proxyAuthenType: 5 }), "mschap");
  assert.equal(found(LCP), "none");
  assert.equal(found({ ...LCP, proxyAuthenType: 4 }), "none");
  assert.equal(found({}), null);
  assert.equal(found({ initialReceivedConfreq: new Uint8Array(0) }), null);
});
test("what is missing or does not fit", () => {
  const bad: readonly (readonly [Avps, RegExp])[] = [
    [without(CHAP, "lastSentConfreq"), /what was agreed on/],
    [without(CHAP, "lastReceivedConfreq"), /what was agreed on/],
    [without(CHAP, "proxyAuthenName"), /incomplete/],
    [without(CHAP, "proxyAuthenId"), /incomplete/],
    [without(CHAP, "proxyAuthenResponse"), /incomplete/],
    [{ ...CHAP, proxyAuthenId: 256 }, /incomplete/],
    [without(CHAP, "proxyAuthenChallenge"), /do not fit/],
    [{ ...CHAP, proxyAuthenChallenge: new Uint8Array(0) }, /do not fit/],
    [{ ...CHAP, proxyAuthenResponse: new Uint8Array(15) }, /do not fit/],
    [{ ...CHAP, proxyAuthenResponse: new Uint8Array(17) }, /do not fit/],
    [{ ...CHAP, proxyAuthenType: 5 }, /do not fit/],
    [{ ...CHAP, proxyAuthenType: 5, proxyAuthenChallenge: new Uint8Array(8) }, /do not fit/],
    [{ ...CHAP, proxyAuthenType: 1 }, /of number 1/],
    [{ ...CHAP, proxyAuthenType: 0 }, /of number 0/],
    [{ ...CHAP, proxyAuthenType: 77 }, /of number 77/],
  ];
  for (const [avps, words] of bad) {
    const p = proxiedOf(avps);
    assert.match(typeof p === "string" ? p : JSON.stringify(p), words);
  }
});
test("proxy_auth needs a tunnel secret", () => {
  const why = (more: string): string => {
    const r = load(`[server lns]\npool = 10.9.0.2-10.9.0.9\nlocal_ip = 10.9.0.1\npsk = x\nproxy_auth = yes\n${more}`);
    return r.ok ? "" : r.faults.map((f) => `${f.where}: ${f.why}`).join();
  };
  assert.match(why(""), /server lns\.proxy_auth: lets every LAC say who calls: set tunnel_secret/);
  assert.equal(why("tunnel_secret = y"), "");
});
