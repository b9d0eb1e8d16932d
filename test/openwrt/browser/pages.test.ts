// The router's pages in headless Chromium. Pictures land in test/out: *-standin-* or, with LUCI_DIR, *-luci-*.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ClientStatus } from "../../../src/link/status.ts";
import {
  branch,
  bus,
  dialling,
  EVIL,
  fits,
  harmless,
  hq,
  LOG,
  LOOKS,
  type Look,
  lns,
  modem,
  OPEN,
  rungs,
} from "./data.ts";
import { type Browser, type Bus, LUCI, launch, Router, skip } from "./router.ts";

let browser: Browser | null = null;
before(async () => {
  browser = await launch();
});
after(async () => browser?.close());
const open = (view: string, look: Look, b: Bus = bus(), ruleset: unknown = OPEN): Promise<Router> =>
  Router.open(browser as Browser, view, look, b, LOG, ruleset);

for (const look of LOOKS) {
  test(`status page, ${look.name}: ladders, chart, drops, events; nothing a peer says becomes HTML`, {
    skip,
  }, async () => {
    const b = bus();
    const r = await open("l2tpsec/status", look, b);
    assert.equal(await rungs(r, "hq"), "wan ok, ike ok, esp ok, l2tp ok, ppp ok, ip ok");
    assert.equal(await rungs(r, "branch"), "wan ok, ike failed, esp idle, l2tp idle, ppp idle, ip idle");
    assert.match((await r.page.textContent("[data-link=hq] .l2tpsec-drops")) ?? "", /^Dropped: esp\.replay 3$/);
    for (let i = 1; i <= 40; i++) {
      const was = (b["l2tpsec status"] as { hq: ClientStatus }).hq;
      b["l2tpsec status"] = {
        hq: { ...was, rx_bytes: was.rx_bytes + 40_000 + 30_000 * Math.sin(i / 4), tx_bytes: was.tx_bytes + 500 * i },
        branch,
        lns,
      };
      await r.poll();
    }
    const points = await r.page.evaluate<number>(
      "document.querySelector('[data-link=hq] [data-line=rx]').getAttribute('points').split(' ').length",
    );
    assert.ok(points >= 40 && points <= 42, `${points} points`); // LuCI polls once before it is stopped
    await harmless(r);
    await fits(r);
    await r.shot(`status-${look.name}`);
    await r.page.click("[data-link=hq] .cbi-button-positive");
    await r.page.click("[data-link=hq] .cbi-button-negative");
    await r.page.click("[data-link=branch] .cbi-button-neutral");
    await r.page.waitForSelector(".modal [data-state=failed]");
    assert.deepEqual(await r.called(3), [
      ["up", { name: "hq" }],
      ["down", { name: "hq" }],
      ["doctor", { name: "branch" }],
    ]);
    await harmless(r);
    await r.shot(`doctor-${look.name}`);
    await r.page.close();
  });

  test(`server page, ${look.name}: options of the schema, sessions with disconnect`, { skip }, async () => {
    const r = await open("l2tpsec/server", look);
    await r.page.waitForSelector("#cbi-l2tpsec-lns");
    assert.ok(await r.page.evaluate<boolean>("!!document.querySelector('#cbi-l2tpsec-daemon-log')"));
    const cells = (id: string): Promise<string[]> =>
      r.page.evaluate(
        `[...document.querySelectorAll("#cbi-l2tpsec-${id} [data-name^='_']")].map((x) => x.textContent.trim())`,
      );
    assert.deepEqual(await cells("lns"), ["10.9.0.1", "10.9.0.10-10.9.0.99"]);
    assert.deepEqual(await cells("branch1"), ["branch1", "–", "10.2.0.0/16 10.3.0.0/16", "every server"]);
    await harmless(r);
    await fits(r);
    assert.ok(
      (await r.page.evaluate<string>("document.querySelector(\"[data-peer='198.51.100.9']\").textContent")).includes(
        `ike no-proposal: the peer offers ${EVIL}`,
      ),
    );
    await r.shot(`server-${look.name}`);
    await r.page.click("[data-session='7'] button");
    assert.deepEqual(await r.called(1), [["disconnect", { session: 7 }]]);
    await r.page.click("#cbi-l2tpsec-branch1 .cbi-button-edit");
    await r.page.waitForSelector(".modal [data-generate=password]");
    assert.deepEqual(
      await r.page.evaluate<string[]>(
        "[...document.querySelectorAll('.modal [data-name=server] option')].map((x) => x.textContent)",
      ),
      ["every server", "lns"],
    );
    await r.page.click(".modal [data-generate=password]");
    assert.match(
      await r.page.evaluate<string>("document.querySelector('.modal [data-name=password] input').value"),
      /^[a-zA-Z2-9]{24}$/,
    );
    await fits(r);
    await r.shot(`user-${look.name}`);
    await r.page.close();
  });

  test(`interface form, ${look.name}: what everybody needs first, tabs, the schema's own words for a wrong value`, {
    skip,
  }, async () => {
    const r = await open("test/form#hq", look);
    await r.page.waitForSelector("#cbi-network-hq-server");
    assert.match((await r.page.textContent("#what")) ?? "", /^L2TP over IPsec l2tps-hq$/);
    assert.equal(await r.page.textContent("#errors"), `An option is not valid: network.hq.mtu: "9" is not allowed`);
    const shown = await r.page.evaluate<string[]>(
      "[...document.querySelectorAll('#cbi-network-hq .cbi-value')].filter((x) => " +
        "!x.closest('[data-tab-active=false]')).map((x) => x.dataset.name)",
    );
    assert.deepEqual(shown, ["server", "username", "password", "psk", "_traffic", "routes", "killswitch"]);
    assert.equal(
      await r.page.evaluate(
        "document.querySelectorAll('#cbi-network-hq-psk input[type=password], #cbi-network-hq-password " +
          "input[type=password]').length",
      ),
      2,
    );
    await fits(r);
    await r.shot(`form-${look.name}`);
    await r.page.click(".cbi-tabmenu [data-tab=advanced] a");
    await r.page.waitForSelector("#cbi-network-hq-mtu input");
    await r.page.fill("#cbi-network-hq-mtu input", "99");
    await r.page.evaluate("document.querySelector('#cbi-network-hq-mtu input').dispatchEvent(new Event('blur'))");
    assert.match(
      await r.page.evaluate("document.querySelector('#cbi-network-hq-mtu input.cbi-input-invalid').dataset.tooltip"),
      /Allowed: a whole number from 576 to 1500/,
    );
    assert.deepEqual(r.errors, []);
    await fits(r);
    await r.shot(`form-advanced-${look.name}`);
    await r.page.close();
  });
}

for (const look of LOOKS) {
  test(`serial lines, ${look.name}: a ladder of their own, and under the tunnel that runs on one`, {
    skip,
  }, async () => {
    const r = await open("l2tpsec/status", look, bus({ hq: { ...hq, via: "nas-modem" }, modem, dialling }));
    assert.equal(await rungs(r, "modem"), "line ok, modem ok, ppp ok, ip ok");
    assert.equal(await rungs(r, "dialling"), "line ok, modem busy, ppp idle, ip idle");
    assert.match(
      (await r.page.textContent("[data-link=modem] [data-layer=modem]")) ?? "",
      /\*99# · 7200000 bit\/s · <script>.* · signal -71 dBm$/,
    );
    assert.equal(
      await r.page.evaluate("document.querySelectorAll('[data-link=hq] [data-under=modem] .l2tpsec-rung').length"),
      4,
    );
    assert.match((await r.page.textContent("[data-link=dialling] .l2tpsec-error")) ?? "", /the number is busy/);
    await harmless(r);
    await fits(r);
    await r.shot(`nas-${look.name}`);
    await r.page.close();
  });

  test(`form of a serial line, ${look.name}: device and number first; a NAS's options only for a NAS`, {
    skip,
  }, async () => {
    const shown =
      "[...document.querySelectorAll('.cbi-section-node .cbi-value')].filter((x) => " +
      "!x.closest('[data-tab-active=false]') && getComputedStyle(x).display !== 'none').map((x) => " +
      "x.dataset.name)";
    const r = await open("test/form#modem", look);
    await r.page.waitForSelector("#cbi-network-modem-device");
    assert.equal(await r.page.textContent("#what"), "Modem or null-modem cable (PPP) nas-modem");
    const first = await r.page.evaluate<string[]>(shown);
    assert.deepEqual(first, [
      ...["device", "line", "role", "phone", "apn", "pin", "username", "password", "_traffic", "routes"],
    ]);
    await r.shot(`form-nas-${look.name}`);
    await r.page.close();
    const nas = await open("test/form#nas", look);
    await nas.page.waitForSelector("#cbi-network-nas-device");
    assert.equal(await nas.page.textContent("#what"), "Modem or null-modem cable (PPP) nas0");
    assert.equal(await nas.page.textContent("#errors"), "No modem answered, or the modems did not agree");
    assert.deepEqual(await nas.page.evaluate<string[]>(shown), [
      ...["device", "line", "role", "pin", "routes", "local_ip", "remote_ip", "ms_dns"],
    ]);
    assert.deepEqual(nas.errors, []);
    await nas.shot(`form-answer-${look.name}`);
    await nas.page.close();
  });
}

test("a daemon that does not answer is said, and no links too", { skip }, async () => {
  const look = { name: "phone", width: 390, dark: false };
  const silent = await open("l2tpsec/status", look, bus(null));
  assert.match((await silent.page.textContent(".alert-message")) ?? "", /does not answer/);
  await silent.shot("status-silent");
  await silent.page.close();
  const none = await open("l2tpsec/status", look, bus({}));
  assert.match((await none.page.textContent("#view")) ?? "", /No link is configured/);
  await none.page.close();
});

test("what the daemon refuses is shown in its own words", { skip }, async () => {
  const r = await open("l2tpsec/status", LOOKS[0] as Look, {
    ...bus(),
    "l2tpsec up": [9, { error: { code: "failed", text: `network.hq.mtu: no ${EVIL}` } }],
  });
  await r.page.click("[data-link=hq] .cbi-button-positive");
  await r.page.waitForSelector("#maincontent > .alert-message");
  assert.match((await r.page.textContent("#maincontent > .alert-message")) ?? "", /hq: network\.hq\.mtu: no <script>/);
  await harmless(r);
  await r.page.close();
});

test("saving writes what was changed, and nothing else; what is not valid is not saved", {
  skip: skip === false && LUCI === undefined ? "LUCI_DIR is not given" : skip,
}, async () => {
  const written: unknown[] = [];
  const note =
    (what: string) =>
    (a: Record<string, unknown>): unknown => {
      written.push([what, a["section"], a["values"] ?? a["options"]]);
      return [0];
    };
  const recording: Bus = { ...bus(), "uci set": note("set"), "uci delete": note("delete"), "uci add": note("add") };
  const save = async (view: string, ready: string, edit: (r: Router) => Promise<void>): Promise<string> => {
    const r = await open(view, LOOKS[0] as Look, recording);
    await r.page.waitForSelector(ready);
    written.length = 0;
    await edit(r);
    await r.page.click(".cbi-page-actions .cbi-button-save");
    await r.page.evaluate("new Promise((r) => setTimeout(r, 500))");
    await r.page.close();
    return r.errors.join() || JSON.stringify(written);
  };
  const nothing = async (): Promise<void> => {};
  const fill =
    (selector: string, text: string) =>
    async (r: Router): Promise<void> => {
      const tab = await r.page.evaluate<string>(
        `document.querySelector('${selector}').closest('[data-tab]').dataset.tab`,
      );
      await r.page.click(`.cbi-tabmenu [data-tab=${tab}] a`);
      await r.page.fill(`${selector} input`, text);
    };
  assert.equal(await save("test/form#modem", "#cbi-network-modem-device", nothing), "[]");
  assert.equal(await save("test/form#nas", "#cbi-network-nas-device", nothing), "[]");
  assert.equal(await save("l2tpsec/server", "#cbi-l2tpsec-lns", nothing), "[]");
  assert.match(
    await save("test/form#hq", "#cbi-network-hq-server", nothing),
    /"MTU" contains an invalid input value\. Allowed: a whole number from 576 to 1500/,
  );
  assert.deepEqual(written, []);
  assert.equal(
    await save("test/form#hq", "#cbi-network-hq-server", fill("#cbi-network-hq-mtu", "1300")),
    '[["set","hq",{"mtu":"1300"}]]',
  );
  assert.equal(
    await save("test/form#hq", "#cbi-network-hq-server", fill("#cbi-network-hq-mtu", "")),
    '[["delete","hq",["mtu"]]]',
  );
  assert.equal(
    await save("test/form#modem", "#cbi-network-modem-device", fill("#cbi-network-modem-pppname", "umts0")),
    '[["set","modem",{"pppname":"umts0"}]]',
  );
});

test("LuCI's own page of interfaces: the error in its row, our form in its dialog", {
  skip: skip === false && LUCI === undefined ? "LUCI_DIR is not given" : skip,
}, async () => {
  for (const look of LOOKS) {
    const r = await open("network/interfaces", look);
    await r.page.waitForSelector("#cbi-network-hq");
    await r.poll();
    await r.shot(`interfaces-${look.name}`);
    assert.match((await r.page.textContent("#cbi-network-hq, [data-section-id=hq]")) ?? "", /L2TP over IPsec/);
    await r.page.click("[data-section-id=hq] .cbi-button-edit, #cbi-network-hq .cbi-button-edit");
    await r.page.waitForSelector(".modal [id='cbid.network.hq.server'], .modal #cbi-network-hq-server");
    await r.shot(`dialog-${look.name}`);
    assert.deepEqual(r.errors, []);
    await r.page.close();
  }
});
