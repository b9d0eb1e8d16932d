// The router's pages in headless Chromium, against thin stand-ins of LuCI's modules. Pictures land in test/out.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import type { ClientStatus, ServerStatus } from "../../../src/link/status.ts";

interface Page {
  setViewportSize(s: { width: number; height: number }): Promise<void>;
  setContent(html: string): Promise<void>;
  addScriptTag(o: { path: string }): Promise<unknown>;
  evaluate<T>(script: string): Promise<T>;
  click(selector: string): Promise<void>;
  waitForSelector(selector: string): Promise<unknown>;
  textContent(selector: string): Promise<string | null>;
  screenshot(o: { path: string; fullPage: boolean }): Promise<unknown>;
  close(): Promise<void>;
}
interface Browser {
  newPage(): Promise<Page>;
  close(): Promise<void>;
}
const CHROMIUM = "/usr/bin/chromium";
const library: string = "playwright-core"; // not a literal: without the package the tests are skipped, not broken
const playwright = (await import(library).catch(() => null)) as { chromium: { launch(o: object): Promise<Browser> } } | null;
const skip = playwright === null ? "playwright-core is not installed" : existsSync(CHROMIUM) ? false : `no ${CHROMIUM}`;

let browser: Browser | null = null;
before(async () => {
  mkdirSync("test/out", { recursive: true });
  if (skip === false && playwright) browser = await playwright.chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
});
after(async () => browser?.close());

const EVIL = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>";
const traffic = { rx_bytes: 5_000_000, tx_bytes: 900_000, rx_packets: 5000, tx_packets: 900 };
const hq: ClientStatus = {
  ...traffic, kind: "client", state: "up", since: "2026-11-23T12:00:00Z", server: "vpn.example.org", ifname: "l2tps-hq", mtu: 1400, local_ip: "10.0.0.7", local_ip6: null, remote_ip: "10.0.0.1",
  dns: ["10.0.0.53"], wins: [], dataplane: "userspace", ipsec: "required", ike: { version: 1, proposal: "aes256-sha256-modp2048", nat: "us", peer_id: EVIL },
  esp: { proposal: "aes256gcm16", encap: "udp", spi_in: "0x00000001", spi_out: "0x00000002" }, l2tp: { tunnel: 1, peer_tunnel: 2, call: 3, peer_call: 4, peer_host: EVIL },
  ppp: { auth: "mschapv2", mru: 1400, peer_mru: 1400 }, stages: [{ name: "server", state: "ok", text: "found" }], drops: { "esp.replay": 3, "esp.short": 0 }, error: null, retry_in: null,
};
const branch: ClientStatus = {
  ...hq, state: "dialing", ike: null, esp: null, l2tp: null, ppp: null, local_ip: null, remote_ip: null, drops: {}, retry_in: 12,
  stages: [{ name: "server", state: "ok", text: "vpn.example.org is 192.0.2.1" }, { name: "ike", state: "failed", text: `the pre-shared key differs ${EVIL}` }],
  error: { layer: "ike", code: "psk-mismatch", text: `probably the pre-shared key differs ${EVIL}` },
};
const lns: ServerStatus = {
  ...traffic, kind: "server", state: "up", since: "2026-11-23T12:00:00Z", listen: "0.0.0.0", ifname: "l2tps-lns", local_ip: "10.9.0.1", dns: [], dataplane: "userspace", ipsec: "required", peers: 1,
  sessions: [{ ...traffic, session: 7, user: EVIL, ip: "10.9.0.2", since: "2026-11-23T12:01:00Z", peer: "198.51.100.4:4500", auth: "mschapv2", tunnel: 1, call: 1 }], drops: {}, error: null,
};

async function open(view: string, width: number, dark: boolean, status: unknown = { hq, branch, lns }): Promise<Page> {
  const page = await (browser as Browser).newPage();
  await page.setViewportSize({ width, height: 800 });
  await page.setContent(`<html><meta name=viewport content="width=device-width"><body style="font:14px sans-serif;${dark ? "background:#222;color:#ddd" : "background:#fff;color:#222"}"></body></html>`);
  await page.addScriptTag({ path: "test/openwrt/luci-standin/standin.js" });
  const bus = { status, up: 0, down: 0, disconnect: 0, doctor: { stages: branch.stages }, log: `notice hq: link.up\ninfo hq: ${EVIL}\n` };
  await page.evaluate(`window.bus = ${JSON.stringify(bus)}; void 0`);
  const options = readFileSync("openwrt/luci-proto-l2tpsec/htdocs/luci-static/resources/l2tpsec/options.js", "utf8");
  await page.evaluate(`window.loadModule("l2tpsec.options", ${JSON.stringify(options)}); void 0`);
  await page.evaluate(`window.openView(${JSON.stringify(readFileSync(`openwrt/luci-app-l2tpsec/htdocs/luci-static/resources/view/l2tpsec/${view}.js`, "utf8"))})`);
  return page;
}
const harmless = async (page: Page): Promise<void> => {
  assert.equal(await page.evaluate("window.hacked ?? 0"), 0);
  assert.equal(await page.evaluate("document.body.querySelectorAll('img, div script').length"), 0);
  assert.ok((await page.evaluate<string>("document.body.textContent")).includes(EVIL));
};
const fits = async (page: Page): Promise<void> => assert.ok(await page.evaluate<boolean>("document.documentElement.scrollWidth <= window.innerWidth"), "wider than the screen");

for (const [name, width, dark] of [["wide", 1100, false], ["phone", 360, true]] as const) {
  test(`status page, ${name}: ladders, chart, drops, events; nothing a peer says becomes HTML`, { skip }, async () => {
    const page = await open("status", width, dark);
    const states = (link: string): Promise<string> => page.evaluate(`[...document.querySelectorAll('[data-link=${link}] .l2tpsec-rung')].map((r) => r.dataset.layer + ' ' + r.dataset.state).join(', ')`);
    assert.equal(await states("hq"), "wan ok, ike ok, esp ok, l2tp ok, ppp ok, ip ok");
    assert.equal(await states("branch"), "wan ok, ike failed, esp idle, l2tp idle, ppp idle, ip idle");
    assert.match((await page.textContent("[data-link=hq] .l2tpsec-drops")) ?? "", /^Dropped: esp\.replay 3$/);
    for (let i = 1; i <= 6; i++) {
      await page.evaluate(`window.bus.status.hq.rx_bytes += ${i * 4000}; new Promise((r) => setTimeout(r, 20)).then(() => window.polls[0]())`);
    }
    assert.equal(await page.evaluate("document.querySelector('[data-link=hq] [data-line=rx]').getAttribute('points').split(' ').length"), 6);
    await harmless(page);
    await fits(page);
    await page.screenshot({ path: `test/out/luci-status-${name}.png`, fullPage: true });
    await page.click("[data-link=hq] .cbi-button-positive");
    await page.click("[data-link=hq] .cbi-button-negative");
    await page.click("[data-link=branch] .cbi-button-neutral");
    await page.waitForSelector(".modal [data-state=failed]");
    assert.equal(await page.evaluate("JSON.stringify(window.calls.filter((c) => c[0] !== 'status'))"), '[["up","hq"],["down","hq"],["doctor","branch"]]');
    await harmless(page);
    await page.screenshot({ path: `test/out/luci-doctor-${name}.png`, fullPage: true });
    await page.close();
  });

  test(`server page, ${name}: options of the schema, sessions with disconnect`, { skip }, async () => {
    const page = await open("server", width, dark);
    assert.ok(await page.evaluate<boolean>("!!document.querySelector('[data-type=server] [data-option=pool]') && !!document.querySelector('[data-type=user] [data-option=password]')"));
    await harmless(page);
    await fits(page);
    await page.screenshot({ path: `test/out/luci-server-${name}.png`, fullPage: true });
    await page.click("[data-session='7'] button");
    assert.equal(await page.evaluate("JSON.stringify(window.calls.filter((c) => c[0] !== 'status'))"), '[["disconnect",7]]');
    await page.close();
  });
}

test("a daemon that does not answer is said, and no links too", { skip }, async () => {
  const silent = await open("status", 360, false, null);
  assert.match((await silent.textContent(".alert-message")) ?? "", /does not answer/);
  await silent.close();
  const none = await open("status", 360, false, {});
  assert.match((await none.textContent("body")) ?? "", /No link is configured/);
  await none.close();
});
