// The status page: what does not run, what the firewall keeps out, a report without secrets. Pictures land in test/out.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  branch,
  bus,
  CLOSED,
  fits,
  harmless,
  hq,
  invalid,
  LOG,
  LOOKS,
  type Look,
  lns,
  OPEN,
  off,
  rungs,
  taken,
} from "./data.ts";
import { type Browser, type Bus, launch, Router, skip } from "./router.ts";

let browser: Browser | null = null;
before(async () => {
  browser = await launch();
});
after(async () => browser?.close());
const open = (b: Bus, ruleset: unknown = OPEN, look: Look = LOOKS[0] as Look): Promise<Router> =>
  Router.open(browser as Browser, "l2tpsec/status", look, b, LOG, ruleset);
/** The bus with a configuration that takes what is written, and notes it. */
function writing(b: Bus, written: unknown[]): Bus {
  let n = 0;
  const add = (a: Record<string, unknown>): unknown => {
    written.push([a["type"], a["values"]]);
    return { section: `cfg${n++}` };
  };
  const set = (a: Record<string, unknown>): unknown => {
    written.push(a);
    return [0];
  };
  return { ...b, "uci add": add, "uci set": set };
}
const texts = (r: Router, selector: string): Promise<string[]> =>
  r.page.evaluate(`[...document.querySelectorAll(${JSON.stringify(selector)})].map((x) => x.textContent)`);

for (const look of LOOKS) {
  test(`links that are not up, ${look.name}: grey lamps with the reason; disabled and invalid ones with Edit`, {
    skip,
  }, async () => {
    const connecting = { ...branch, state: "ike", error: null, retry_in: null, stages: [] };
    const spare = { ...taken, stopped: null, backup: { waits: true, text: "waits: hq is up" } };
    const r = await open(bus({ hq, taken, off, invalid, connecting, spare }), OPEN, look);
    assert.deepEqual(await texts(r, "[data-link=spare] .l2tpsec-backup"), ["waits: hq is up"]);
    assert.equal(await rungs(r, "taken"), "wan idle, ike idle, esp idle, l2tp idle, ppp idle, ip idle");
    assert.deepEqual(await texts(r, "[data-link=taken] .l2tpsec-reason"), ["taken down by hand"]);
    assert.deepEqual(await texts(r, "[data-link] h3"), [
      "connecting: connecting (IKE)",
      "hq: connected",
      "invalid: not started: its configuration has a fault",
      "off: disabled",
      "spare: waits as a backup",
      "taken: not connected",
    ]);
    assert.match((await texts(r, "[data-link=invalid] .l2tpsec-error")).join(), /^network\.invalid\.mtu: <script>/);
    assert.deepEqual(await texts(r, "[data-link=off] button, [data-link=off] a"), ["Edit", "Copy a report"]);
    assert.deepEqual(await texts(r, "[data-link=hq] button, [data-link=hq] a"), [
      ...["Up", "Down", "Doctor", "Capture", "The other side", "Edit", "Copy a report"],
    ]);
    assert.match(
      await r.page.evaluate("document.querySelector('[data-link=invalid] .l2tpsec-edit').getAttribute('href')"),
      /admin\/network\/network$/,
    );
    assert.match((await texts(r, ".l2tpsec-log"))[0] ?? "", /^12:00:01 info hq: .*\n12:00:01 notice hq: link\.up$/);
    await harmless(r);
    await fits(r);
    await r.shot(`states-${look.name}`);
    await r.page.close();
  });
}

test("the lamps of a link that was lost: what failed is red, nothing is green", { skip }, async () => {
  const lost = { ...branch, state: "down" };
  const r = await open(bus({ lost }));
  assert.equal(await rungs(r, "lost"), "wan idle, ike failed, esp idle, l2tp idle, ppp idle, ip idle");
  assert.match((await r.page.textContent("[data-link=lost] .l2tpsec-error")) ?? "", /\(next attempt in 12 seconds\)$/);
  await r.page.close();
});

test("who uses the keyboard keeps their place while the page is drawn again", { skip }, async () => {
  const r = await open(bus());
  await r.page.evaluate("document.querySelector('[data-link=hq] .cbi-button-neutral').focus()");
  const at = "document.activeElement.getAttribute('data-key')";
  assert.equal(await r.page.evaluate(at), "hq Doctor");
  await r.poll();
  assert.equal(await r.page.evaluate(at), "hq Doctor");
  await r.page.close();
});

test("the page works with the keyboard alone", { skip }, async () => {
  const b = bus();
  const r = await open(b);
  await r.page.evaluate("document.querySelector('[data-link=hq] .cbi-button-positive').focus()");
  await r.page.keyboard.press("Enter");
  assert.deepEqual(await r.called(1), [["up", { name: "hq" }]]);
  await r.page.evaluate("document.querySelector('[data-link=hq] .cbi-button-negative').focus()");
  await r.page.keyboard.press("Tab");
  await r.page.keyboard.press("Enter");
  await r.page.waitForSelector(".modal [data-state=failed]");
  await r.page.evaluate("document.querySelector('.modal button').focus()");
  await r.page.keyboard.press("Space");
  await r.page.waitForFunction(
    "!document.body.matches('.modal-overlay-active') && !document.querySelector('body > .modal')",
  );
  assert.deepEqual((await r.called(2))[1], ["doctor", { name: "hq" }]);
  await r.page.close();
});

test("doctor goes on until it knows; what the server takes is one button away, and red when it is weak", {
  skip,
}, async () => {
  const busy = { name: "ike", state: "busy", text: "asking" };
  const text = "the server takes only 3des-sha1-modp1024: weak; to accept that: ike_proposals = 3des-sha1-modp1024";
  const advice = { option: "ike_proposals", value: "3des-sha1-modp1024", weak: true };
  const answers = [
    { stages: [busy], ok: false, running: true },
    { stages: [{ ...busy, state: "failed", text, advice }], ok: false },
  ];
  const written: unknown[] = [];
  const b = { ...writing(bus(), written), "l2tpsec doctor": () => answers.shift() ?? {} };
  const r = await open(b);
  await r.page.click("[data-link=hq] .cbi-button-neutral");
  await r.page.waitForSelector(".modal .l2tpsec-advice");
  assert.deepEqual(await texts(r, ".modal .l2tpsec-rung[data-layer=ike] .l2tpsec-facts"), [text]);
  assert.deepEqual(await texts(r, ".modal .l2tpsec-advice.cbi-button-negative"), [
    "Write ike_proposals = 3des-sha1-modp1024",
  ]);
  assert.equal((await r.called(2)).filter(([method]) => method === "doctor").length, 2);
  await r.shot("doctor-advice");
  await r.page.click(".modal .l2tpsec-advice");
  await r.page.waitForSelector(".modal .l2tpsec-written");
  assert.deepEqual(
    written.map((x) => (x as { values: unknown }).values),
    [{ ike_proposals: "3des-sha1-modp1024" }],
  );
  assert.equal(
    await r.page.textContent(".modal .l2tpsec-written"),
    "config interface 'hq'\n\toption ike_proposals '3des-sha1-modp1024'\n",
  );
  await r.page.close();
});

test("a report: configuration, status and log, without the secrets that are in the configuration", {
  skip,
}, async () => {
  const r = await open(bus({ hq: { ...hq, error: null } }));
  await r.page.click("[data-link=hq] .l2tpsec-copy");
  await r.page.waitForSelector(".modal .l2tpsec-report");
  const text = await r.page.evaluate<string>("document.querySelector('.modal .l2tpsec-report').value");
  assert.match(text, /^hq: client\n\nconfiguration\n {2}server = vpn\.example\.org\n/);
  assert.match(text, /\n {2}password = \*\*\*\n {2}psk = \*\*\*\n/);
  assert.match(text, /"proposal": "aes256-sha256-modp2048"/);
  assert.match(text, /\n12:00:01 notice hq: link\.up\n/);
  assert.doesNotMatch(text, /wonderland|swordfish/);
  await r.shot("report");
  await r.page.close();
});

test("a server behind a firewall that lets nothing in: said from the running rules, and one button writes them", {
  skip,
}, async () => {
  const written: unknown[] = [];
  const b = writing(bus({ lns }), written);
  const r = await open(b, CLOSED);
  assert.deepEqual(await texts(r, ".l2tpsec-finding p"), [
    "wan does not let in UDP 500, UDP 4500 and ESP: no client reaches this server.",
    "l2tps-lns is in no zone of the firewall: nothing is forwarded.",
  ]);
  await r.shot("firewall-closed");
  await r.page.click("[data-finding='lns input'] button");
  await r.page.waitForSelector(".modal .l2tpsec-written");
  assert.deepEqual(written.splice(0), [
    ["rule", { name: "Allow-IKE", src: "wan", proto: "udp", dest_port: "500 4500", target: "ACCEPT" }],
    ["rule", { name: "Allow-ESP", src: "wan", proto: "esp", target: "ACCEPT" }],
  ]);
  assert.equal(
    (await r.page.textContent(".modal .l2tpsec-written")) ?? "",
    "config rule\n\toption name 'Allow-IKE'" +
      "\n\toption src 'wan'\n\toption proto 'udp'\n\toption dest_port '500 4500'\n" +
      "\toption target 'ACCEPT'\n\nconfig rule\n\toption name 'Allow-ESP'\n\toption src 'wan'\n\toption proto 'esp'\n" +
      "\toption target 'ACCEPT'\n",
  );
  await r.shot("firewall-written");
  await r.page.click(".modal button");
  await r.page.click("[data-finding='lns zone'] button");
  await r.page.waitForSelector(".modal .l2tpsec-written");
  const zone = { name: "l2tp", device: ["l2tps-lns+"], input: "ACCEPT", output: "ACCEPT", forward: "ACCEPT" };
  assert.deepEqual(written, [
    ["zone", { ...zone, mtu_fix: "1" }],
    ["forwarding", { src: "lan", dest: "l2tp" }],
    ["forwarding", { src: "l2tp", dest: "lan" }],
  ]);
  await r.page.close();
  const good = await open(b, OPEN);
  assert.deepEqual(await texts(good, ".l2tpsec-finding p"), []);
  await good.page.close();
  const clear = await open(bus({ lns: { ...lns, ipsec: "off" } }), OPEN);
  assert.deepEqual(await texts(clear, ".l2tpsec-finding p"), [
    "wan does not let in UDP 1701: no client reaches this server.",
  ]);
  await clear.page.close();
});

test("a client in no zone, up or not; with everything inside, the zone is one to the internet", { skip }, async () => {
  for (const s of [hq, taken]) {
    const r = await open(writing(bus({ hq: s }), []), CLOSED);
    assert.deepEqual(await texts(r, ".l2tpsec-finding p"), ["hq is in no zone of the firewall: nothing is forwarded."]);
    await r.page.click("[data-finding='hq zone'] button");
    await r.page.waitForSelector(".modal .l2tpsec-written");
    assert.match(
      (await r.page.textContent(".modal .l2tpsec-written")) ?? "",
      /name 'l2tpwan'\n\tlist network 'hq'\n\toption input 'REJECT'[\s\S]*masq '1'\n\nconfig forwarding\n/,
    );
    await r.page.close();
  }
  const unread = await open(bus({ hq, lns }), null);
  assert.deepEqual(await texts(unread, ".l2tpsec-finding p"), [], "nothing is said of rules that cannot be read");
  await unread.page.close();
});
