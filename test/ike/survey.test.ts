// A server that accepts none of our proposals is asked what it takes: bounded, by its own answers, and only it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Packet } from "../../src/core/packet.ts";
import { parseEspProposal, parseIkeProposal } from "../../src/ike/proposals.ts";
import { type Findings, MOST, PACE_MS } from "../../src/ike/survey.ts";
import type { IkeConnectConfig, IkeResponderConfig } from "../../src/ike/types.ts";
import { clearNotify } from "../../src/ike/wire/clear.ts";
import { isZero, readMessage } from "../../src/ike/wire/header.ts";
import { NOTIFY } from "../../src/ike/wire/notify.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { client, pair, server } from "./double.ts";
import { at500 } from "./strangers.ts";

const ike = (...list: string[]) => ({ ikeProposals: list.map((p) => parseIkeProposal(p)) });
const esp = (...list: string[]) => ({ espProposals: list.map((p) => parseEspProposal(p)) });
/** Clock times of the first messages that the survey sent; what it found. */
async function survey(
  s: Partial<IkeResponderConfig> | null,
  c: Partial<IkeConnectConfig> = {},
  loss = 0,
  deaf: (exchange: number) => boolean = () => false,
) {
  const { net, a, b } = pair();
  if (s) b.ike.addResponder(server(s), b);
  const times: number[] = [];
  net.fate = (d, n) => {
    const { header } = readMessage(d.bytes);
    if (d.from.address === a.address && [2, 4].includes(header.exchange) && isZero(header.rcookie)) {
      times.push(net.clock.now());
      if (deaf(header.exchange)) return [];
    }
    return loss > 0 && n % loss === 0 ? [] : [5];
  };
  const found: Findings[] = [];
  a.ike.survey(client(b.address, a.address, c), (f) => found.push(f));
  await net.run(30_000, 20);
  assert.ok(times.length <= MOST, `${times.length} first messages`);
  for (const [i, t] of times.entries()) assert.ok(i === 0 || t - (times[i - 1] ?? 0) >= PACE_MS);
  assert.deepEqual([found.length, a.ike.sizes().sas, a.ike.sizes().connections], [1, 0, 0]);
  return { found: found[0] ?? assert.fail(), times, a, b, net };
}

test("a server that takes weak proposals only: named, and what to write to accept that", async () => {
  const { found } = await survey(ike("3des-sha1-modp1024"));
  assert.deepEqual(found.proposals, ["3des-sha1-modp1024"]);
  assert.equal(
    found.text,
    "the server takes only 3des-sha1-modp1024: weak, broken by well-funded attackers; to accept that: " +
      "ike_proposals = 3des-sha1-modp1024",
  );
  assert.deepEqual(found.advice, { option: "ike_proposals", value: "3des-sha1-modp1024", weak: true });
});
test("of several the first that is not weak is advised; a lost question is asked again", async () => {
  for (const loss of [0, 3]) {
    const { found } = await survey(ike("3des-md5-modp1024", "aes128-sha512-modp3072", "3des-sha1-modp1536"), {}, loss);
    assert.deepEqual(found.advice, { option: "ike_proposals", value: "aes128-sha512-modp3072", weak: false });
    assert.match(found.text, /^the server takes .*3des-sha1-modp1536.* for phase 1; to use that: /);
  }
});
test("a server that takes more than enough is not asked for all of it", async () => {
  const many = ["modp2048", "modp1536", "modp1024", "modp3072"].flatMap((g) => [`aes256-sha1-${g}`, `3des-sha1-${g}`]);
  const { found, times, b } = await survey(ike(...many));
  assert.equal(found.proposals.length, 4);
  assert.ok(times.length < 15);
  assert.ok(b.ike.sizes().halfOpen <= 8);
});
test("a server that says nothing, and one that refuses everything", async () => {
  const silent = await survey(null);
  assert.match(silent.found.text, /answers no first message$/);
  assert.equal(silent.found.advice, null);
  assert.ok(silent.times.length <= 17, "a server that never answers is not asked twice");
  const none = await survey(ike("aes192-sha384-modp8192"), ike("aes256-sha256-x25519"));
  assert.equal(none.found.advice?.value, "aes192-sha384-modp8192");
});
test("a server of aggressive mode only: named, with what it gives away, and its proposals where ours do not fit", async () => {
  const deaf = (exchange: number): boolean => exchange === 2;
  for (const [s, own, more] of [
    ["aes256-sha256-modp2048", ["aes256-sha256-modp2048"], ""],
    [
      "3des-sha1-modp1024",
      ["aes256-sha256-modp2048", "aes256-sha256-ecp256"],
      " and ike_proposals = 3des-sha1-modp1024",
    ],
  ] as const) {
    const { found } = await survey({ ...ike(s), aggressive: true }, ike(...own), 0, deaf);
    assert.deepEqual(found.advice, { option: "ike_mode", value: "aggressive", weak: true });
    const ending = `to accept that: ike_mode = aggressive${more}, and its group name as local_id = keyid:NAME`;
    assert.ok(found.text.endsWith(ending), found.text);
  }
  // and with a link that is told to, its proposals are asked for in that mode
  const { found } = await survey(
    { ...ike("3des-sha1-modp1024"), aggressive: true },
    { ...ike("aes256-sha256-modp2048"), aggressive: true },
    0,
    deaf,
  );
  assert.deepEqual(found.advice, { option: "ike_proposals", value: "3des-sha1-modp1024", weak: true });
});
test("where phase 1 fits it is the ESP proposals, with the group that the server insists on", async () => {
  for (const [s, value, isWeak] of [
    ["aes128-sha1-modp1024", "aes128-sha1-modp1024", true],
    ["aes256-sha512", "aes256-sha512", false],
    ["3des-md5", "3des-md5", true],
    ["aes128-sha1-ecp384", "aes128-sha1-ecp384", false],
  ] as const) {
    const { found, b } = await survey(esp(s), esp("aes256gcm16"));
    assert.deepEqual(found.advice, { option: "esp_proposals", value, weak: isWeak }, s);
    assert.deepEqual(b.plane.inbound.size, 0, "nothing is left at the server");
  }
});
test("only the server's own answers count, and only to our questions", async () => {
  const { net, a, b } = pair();
  const found: Findings[] = [];
  net.fate = (d) => {
    const { icookie } = readMessage(d.bytes).header;
    const no = clearNotify(nodeCrypto, NOTIFY.noProposalChosen, icookie, new Uint8Array(8));
    a.port.onMessage(Packet.of(no), at500(a.address), at500("203.0.113.1"));
    const cookie = nodeCrypto.random(8);
    a.port.onMessage(
      Packet.of(clearNotify(nodeCrypto, 14, cookie, new Uint8Array(8))),
      at500(a.address),
      at500(b.address),
    );
    return [];
  };
  a.ike.survey(client(b.address, a.address), (f) => found.push(f));
  await net.run(30_000, 50);
  assert.match(found[0]?.text ?? "", /answers no first message/);
});
test("a survey that is stopped says and sends nothing more; so does one of a manager that is closed", async () => {
  for (const how of ["stop", "close"]) {
    const { net, a, b } = pair();
    b.ike.addResponder(server(ike("3des-sha1-modp1024")), b);
    let n = 0;
    const stop = a.ike.survey(client(b.address, a.address), () => n++);
    await net.run(250);
    if (how === "stop") stop();
    else a.ike.close();
    const sent = net.seen.filter((d) => d.from.address === a.address).length;
    await net.run(10_000, 50);
    assert.equal(net.seen.filter((d) => d.from.address === a.address).length, sent);
    assert.equal(n, 0);
  }
});
