// A router's web pages in headless Chromium: one address that serves LuCI's modules, ours, and ubus.
// LUCI_DIR=/path/to/luci (a checkout) gives the real modules and theme, else the stand-in of this folder.
import { existsSync, mkdirSync, readFileSync } from "node:fs";

export interface Page {
  setViewportSize(s: { width: number; height: number }): Promise<void>;
  route(url: string, f: (r: Route) => Promise<void>): Promise<void>;
  goto(url: string): Promise<unknown>;
  evaluate<T>(script: string): Promise<T>;
  click(selector: string): Promise<void>;
  fill(selector: string, text: string): Promise<void>;
  selectOption(selector: string, value: string): Promise<unknown>;
  press(selector: string, key: string): Promise<void>;
  setInputFiles(selector: string, file: { name: string; mimeType: string; buffer: Buffer }): Promise<void>;
  readonly keyboard: { press(key: string): Promise<void> };
  waitForSelector(selector: string, o?: { timeout?: number }): Promise<unknown>;
  waitForFunction(script: string): Promise<unknown>;
  textContent(selector: string): Promise<string | null>;
  screenshot(o: { path: string; fullPage: boolean }): Promise<unknown>;
  on(event: "pageerror", f: (e: Error) => void): void;
  close(): Promise<void>;
}
interface Route {
  request(): { url(): string; postData(): string | null };
  fulfill(o: { status?: number; contentType?: string; body: string | Buffer }): Promise<void>;
}
export interface Browser {
  newPage(): Promise<Page>;
  close(): Promise<void>;
}

const CHROMIUM = "/usr/bin/chromium";
const library: string = "playwright-core"; // not a literal: without the package the tests are skipped, not broken
const playwright = (await import(library).catch(() => null)) as {
  chromium: { launch(o: object): Promise<Browser> };
} | null;
const noBrowser = existsSync(CHROMIUM) ? false : `no ${CHROMIUM}`;
export const skip = playwright === null ? "playwright-core is not installed" : noBrowser;
const SCRIPTS = '<script>window.TR = {}</script><script src="/luci-static/resources/cbi.js"></script>';
const TYPES: Readonly<Record<string, string>> = { css: "text/css", svg: "image/svg+xml" };
export const LUCI = process.env["LUCI_DIR"];
/** Before the names of pictures. */
export const KIND = LUCI === undefined ? "standin" : "luci";

export async function launch(): Promise<Browser | null> {
  mkdirSync("test/out", { recursive: true });
  return skip === false && playwright
    ? await playwright.chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] })
    : null;
}

/**
 * What answers on the bus: `object method` to data, to a whole result (status and data), or to a function of the
 * arguments.
 */
export type Bus = Record<string, unknown>;

const STANDIN = "test/openwrt/browser/standin";
const WHERE = [
  "openwrt/luci-app-l2tpsec/htdocs",
  "openwrt/luci-proto-l2tpsec/htdocs",
  ...(LUCI === undefined
    ? []
    : ["modules/luci-base", "modules/luci-mod-network", "themes/luci-theme-bootstrap"].map(
        (d) => `${LUCI}/${d}/htdocs`,
      )),
];
/**
 * The interface form as luci-mod-network draws it, of the interface named in the address, without the rest of its
 * dialog.
 */
const FORM = `'use strict';
'require view';
'require form';
'require network';

return view.extend({
	load: function() {
		return network.getNetwork(location.hash.slice(1));
	},

	render: function(net) {
		const m = new form.Map('network', 'Interface');
		const s = m.section(form.NamedSection, net.sid, 'interface');
		s.tab('general', 'General');
		s.tab('advanced', 'Advanced');
		net.renderFormOptions(s);
		return m.render().then((node) => E('div', {}, [
			E('p', { 'id': 'what' }, [ net.getI18n() + ' ' + net.getIfname() ]),
			E('p', { 'id': 'errors' }, [ (net.getErrors() || []).join('; ') ]), node
		]));
	}
});
`;
const OWN: Readonly<Record<string, string>> = {
  ...(LUCI === undefined
    ? {
        "/luci-static/resources/luci.js": `${STANDIN}/luci.js`,
        "/luci-static/bootstrap/cascade.css": `${STANDIN}/cascade.css`,
      }
    : {}),
};
function file(path: string): string | Buffer | null {
  if (path === "/luci-static/resources/view/test/form.js") return FORM;
  const found = [OWN[path] ?? "", ...WHERE.map((d) => d + path)].find((f) => f !== "" && existsSync(f));
  return found === undefined ? null : readFileSync(found);
}
/** As LuCI's header.ut, view.ut and the theme make it. */
function html(view: string, dark: boolean): string {
  const env = {
    media: "/luci-static/bootstrap",
    resource: "/luci-static/resources",
    scriptname: "/cgi-bin/luci",
    pathinfo: "",
    documentroot: "/www",
    requestpath: [],
    dispatchpath: [],
    pollinterval: 5,
    ubuspath: "/ubus/",
    sessionid: "0".repeat(32),
    token: "t",
    nodespec: {},
    apply_rollback: 90,
    apply_holdoff: 4,
    apply_timeout: 5,
    apply_display: 1.5,
  };
  return `<!DOCTYPE html><html lang="en" data-darkmode="${dark}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/luci-static/bootstrap/cascade.css">
<link rel="stylesheet" media="only screen and (max-device-width: 854px)"
  href="/luci-static/bootstrap/mobile.css">
${LUCI === undefined ? "" : SCRIPTS}</head>
<body class="lang_en" data-page=""><header><a class="brand" href="/">router</a>
<ul class="nav" id="topmenu" style="display:none"></ul><div id="indicators" class="pull-right"></div></header>
<div id="maincontent" class="container"><div id="tabmenu" style="display:none"></div>
<script src="/luci-static/resources/luci.js"></script><script>L = new LuCI(${JSON.stringify(env)})</script>
<div id="view"><div class="spinning">Loading view</div></div></div></body></html>
<script>L.require('ui').then((ui) => ui.instantiateView(${JSON.stringify(view)}))</script>`;
}

export class Router {
  readonly page: Page;
  readonly bus: Bus;
  /** What was called on the object l2tpsec, but for status. */
  readonly calls: [method: string, args: unknown][] = [];
  /** Scripts that ended with an error. */
  readonly errors: string[] = [];
  /** What was posted to cgi-upload. */
  readonly uploads: string[] = [];
  log = "";
  /** Save & Apply. */
  onApply: () => void = () => {};
  /** Of the running firewall, as nft lists it. */
  ruleset: unknown = null;

  private constructor(page: Page, bus: Bus) {
    this.page = page;
    this.bus = bus;
  }
  static async open(
    browser: Browser,
    view: string,
    look: { width: number; dark: boolean },
    bus: Bus,
    log = "",
    ruleset: unknown = null,
  ): Promise<Router> {
    const page = await browser.newPage();
    const r = new Router(page, bus);
    r.log = log;
    r.ruleset = ruleset;
    page.on("pageerror", (e) => void r.errors.push(String(e)));
    await page.setViewportSize({ width: look.width, height: 800 });
    await page.route("http://router/**", async (route) => {
      const path = new URL(route.request().url()).pathname;
      if (path.startsWith("/ubus"))
        return route.fulfill({ contentType: "application/json", body: r.#rpc(route.request().postData() ?? "") });
      if (path.includes("/admin/uci/")) {
        if (path.includes("/apply_")) r.onApply();
        return route.fulfill({ contentType: "application/json", body: '{"token":"t"}' });
      }
      if (path.endsWith("cgi-upload")) {
        r.uploads.push(route.request().postData() ?? "");
        return route.fulfill({ contentType: "application/json", body: '{"size":7}' });
      }
      if (path.endsWith("cgi-exec")) {
        const nft = decodeURIComponent(route.request().postData() ?? "").includes("/usr/sbin/nft ");
        return route.fulfill({ contentType: "text/plain", body: nft ? JSON.stringify(r.ruleset) : r.log });
      }
      if (path === "/")
        return route.fulfill({ contentType: "text/html", body: html(view.replace(/#.*/, ""), look.dark) });
      const body = file(path);
      if (!body) return route.fulfill({ status: 404, body: "" });
      return route.fulfill({
        contentType: TYPES[path.slice(path.lastIndexOf(".") + 1)] ?? "text/javascript",
        body,
      });
    });
    await page.goto(`http://router/${/#.*/.exec(view)?.[0] ?? ""}`);
    await page.waitForFunction("!document.querySelector('#view > .spinning')");
    await page.evaluate("L.Poll.stop(); void 0");
    return r;
  }
  /** What the page does every few seconds. */
  async poll(): Promise<void> {
    await this.page.evaluate(
      "Promise.all(L.Poll.queue.map((e) => e.fn())).then(() => new Promise((r) => setTimeout(r, 20)))",
    );
  }
  /** The calls, when there are `n` of them. */
  async called(n: number): Promise<Router["calls"]> {
    for (let i = 0; i < 250 && this.calls.length < n; i++) await new Promise((r) => setTimeout(r, 20));
    return this.calls;
  }
  async shot(name: string): Promise<void> {
    await this.page.evaluate("new Promise((r) => setTimeout(r, 400))"); // what fades in has done so
    await this.page.screenshot({ path: `test/out/${KIND}-${name}.png`, fullPage: true });
  }
  #rpc(text: string): string {
    const one = (q: { id: unknown; method: string; params?: unknown[] }): unknown => {
      if (q.method === "list") return { jsonrpc: "2.0", id: q.id, result: {} };
      const [, object, method, args] = q.params as [string, string, string, Record<string, unknown>];
      delete args["ubus_rpc_session"];
      if (object === "l2tpsec" && method !== "status") this.calls.push([method, args]);
      const answer = this.bus[`${object} ${method}`];
      if (answer === undefined && object === "l2tpsec")
        return { jsonrpc: "2.0", id: q.id, error: { code: -32000, message: "Object not found" } };
      const value: unknown = typeof answer === "function" ? (answer as (a: unknown) => unknown)(args) : answer;
      const answered = value === undefined ? [4] : [0, value];
      return {
        jsonrpc: "2.0",
        id: q.id,
        result: Array.isArray(value) ? value : answered,
      };
    };
    const q = JSON.parse(text) as Parameters<typeof one>[0] | Parameters<typeof one>[0][];
    return JSON.stringify(Array.isArray(q) ? q.map(one) : one(q));
  }
}
