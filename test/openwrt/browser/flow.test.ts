// From an empty router to a working tunnel between two sites, through LuCI's own pages: clicks and typed fields are
// counted, and what was saved is run by two daemons. With LUCI_DIR only.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { client, World } from "../../sim/world.ts";
import { bus, CLOSED, LOG, LOOKS, type Look, lns } from "./data.ts";
import { type Browser, type Bus, LUCI, launch, Router, skip } from "./router.ts";
import { type Section, UciDouble } from "./uci-double.ts";

let browser: Browser | null = null;
before(async () => {
  browser = await launch();
});
after(async () => browser?.close());
const real = { skip: skip === false && LUCI === undefined ? "LUCI_DIR is not given" : skip };

const EMPTY = {
  l2tpsec: { daemon: { ".type": "daemon", log: "info" } },
  network: {
    lan: { ".type": "interface", proto: "static", ipaddr: "192.168.1.1", netmask: "255.255.255.0" },
    wan: { ".type": "interface", proto: "dhcp" },
  },
  firewall: {
    lan: { ".type": "zone", name: "lan", network: ["lan"], input: "ACCEPT", output: "ACCEPT", forward: "ACCEPT" },
    wan: { ".type": "zone", name: "wan", network: ["wan"], input: "REJECT", output: "ACCEPT", forward: "REJECT" },
  },
} as const;

/** Someone with a mouse and a keyboard, who counts. */
class Owner {
  clicks = 0;
  typed = 0;
  readonly uci: UciDouble;
  r!: Router;
  constructor(uci: UciDouble) {
    this.uci = uci;
  }
  /** `clicks`: through the menu. */
  async open(view: string, clicks: number, status: unknown = {}): Promise<void> {
    this.clicks += clicks;
    const b: Bus = { ...bus(status), ...this.uci.bus(), "luci-rpc getNetworkDevices": {} };
    this.r = await Router.open(browser as Browser, view, LOOKS[0] as Look, b, LOG, CLOSED);
    this.r.onApply = () => this.uci.apply();
  }
  async click(selector: string): Promise<void> {
    this.clicks++;
    await this.r.page.waitForSelector(selector);
    await this.r.page.click(selector);
    await this.#settle();
  }
  /** A list that opens: one click to open it, and one to choose. */
  async choose(selector: string, value: string): Promise<void> {
    this.clicks += 2;
    await this.r.page.waitForSelector(selector);
    await this.r.page.selectOption(selector, value);
    await this.#settle();
  }
  async type(selector: string, text: string, enter = false): Promise<void> {
    this.typed++;
    await this.r.page.waitForSelector(selector);
    await this.r.page.fill(selector, text);
    if (enter) await this.r.page.press(selector, "Enter");
    await this.r.page.evaluate(
      `document.querySelector(${JSON.stringify(selector)})?.dispatchEvent(new Event('keyup'))`,
    );
  }
  async #settle(): Promise<void> {
    await this.r.page.evaluate("new Promise((r) => setTimeout(r, 300))");
  }
  async close(): Promise<void> {
    assert.deepEqual(this.r.errors, []);
    await this.r.page.close();
  }
}
const ini = (title: string, s: Section | undefined): string =>
  `[${title}]\n${Object.entries(s ?? {})
    .filter(([k]) => !k.startsWith("."))
    .map(([k, v]) => `${k} = ${typeof v === "string" ? v : v.join(" ")}\n`)
    .join("")}`;

test(
  "two empty routers become two sites: at most 12 clicks and 9 typed fields a side; the tunnel works",
  real,
  async () => {
    const there = new Owner(new UciDouble(EMPTY));
    await there.open("l2tpsec/server", 3); // VPN, L2TP over IPsec, Server
    await there.click("#cbi-l2tpsec-server .cbi-button-add");
    await there.r.shot("wizard-server");
    await there.click(".modal .cbi-button-positive");
    await there.type("#cbi-l2tpsec-user .cbi-section-create-name", "branch1");
    await there.click("#cbi-l2tpsec-user .cbi-button-add");
    await there.type(".modal [data-name=routes] input", "192.168.10.0/24", true);
    await there.click(".modal .cbi-button-positive");
    await there.click(".cbi-page-actions .cbi-button-apply");
    const { server, user } = {
      server: there.uci.files["l2tpsec"]?.["lns"],
      user: there.uci.files["l2tpsec"]?.["branch1"],
    };
    await there.close();
    await there.open("l2tpsec/status", 0, { lns }); // the page it is on says it too
    await there.click("[data-finding='lns input'] button");
    await there.click(".modal button");
    await there.click("[data-finding='lns zone'] button");
    await there.click(".modal .cbi-button-apply");
    await there.close();
    assert.deepEqual(server, {
      ".type": "server",
      dataplane: "auto",
      psk: server?.["psk"],
      local_ip: "10.99.0.1",
      pool: ["10.99.0.10-10.99.0.200"],
      dns: ["10.99.0.1"],
    });
    assert.deepEqual(user, { ".type": "user", password: user?.["password"], routes: ["192.168.10.0/24"] });
    const rules = Object.values(there.uci.files["firewall"] ?? {}).filter((s) => s[".type"] === "rule");
    assert.deepEqual(
      rules.map((s) => [s["name"], s["src"], s["target"]]),
      [
        ["Allow-IKE", "wan", "ACCEPT"],
        ["Allow-ESP", "wan", "ACCEPT"],
      ],
    );

    const here = new Owner(new UciDouble(EMPTY));
    await here.open("network/interfaces", 2); // Network, Interfaces
    await here.click("#cbi-network-interface .cbi-button-add");
    await here.type(".modal [data-name=name] input", "hq");
    await here.choose(".modal [data-name=proto] select", "l2tpsec");
    await here.click(".modal .cbi-button-positive");
    const at = (name: string): string => `.modal #cbi-network-hq-${name}`;
    await here.type(`${at("server")} input`, "198.51.100.2");
    await here.type(`${at("username")} input`, "branch1");
    await here.type(`${at("password")} input`, String(user?.["password"]));
    await here.type(`${at("psk")} input`, String(server?.["psk"]));
    await here.click(`${at("_traffic")} input[value='0']`);
    await here.type(`${at("routes")} input`, "192.168.1.0/24", true);
    await here.r.shot("wizard-client");
    await here.click(".modal .cbi-tabmenu [data-tab=firewall] a");
    await here.click(".modal #cbi-network-hq-_zone .cbi-dropdown");
    await here.click(".modal #cbi-network-hq-_zone li[data-value=lan]");
    await here.click(".modal .cbi-button-positive.important");
    await here.click(".cbi-page-actions .cbi-button-apply");
    await here.close();
    const { ".type": _, proto, ...hq } = here.uci.files["network"]?.["hq"] ?? {};
    assert.deepEqual(
      [proto, hq],
      [
        "l2tpsec",
        {
          server: ["198.51.100.2"],
          username: "branch1",
          password: user?.["password"],
          psk: server?.["psk"],
          defaultroute: "0",
          routes: ["192.168.1.0/24"],
        },
      ],
    );
    assert.deepEqual(here.uci.files["firewall"]?.["lan"]?.["network"], ["lan", "hq"]);
    console.log(
      `# server: ${there.clicks} clicks, ${there.typed} typed; client: ${here.clicks} clicks, ${here.typed} typed`,
    );
    for (const o of [there, here]) assert.ok(o.clicks <= 12 && o.typed <= 9, `${o.clicks} clicks, ${o.typed} typed`);

    const w = new World();
    w.site(w.net.host("hq", ["198.51.100.2"]), ini("server lns", server) + ini("user branch1", user)).daemon.start();
    const branch = w.site(w.net.host("branch", ["203.0.113.7"]), `${ini("interface hq", hq)}proto = l2tpsec\n`);
    branch.daemon.start();
    await w.until(() => client(branch).state === "up", 5000, "up", branch);
    assert.match(client(branch).local_ip ?? "", /^10\.99\.0\./);
  },
);

test("a dialog that is dismissed leaves nothing behind; other changes that wait are kept", real, async () => {
  for (const before of [false, true]) {
    const o = new Owner(new UciDouble(EMPTY));
    if (before)
      (o.uci.bus()["uci set"] as (a: unknown) => void)({ config: "network", section: "lan", values: { mtu: "1400" } });
    await o.open("network/interfaces", 0);
    await o.click("#cbi-network-interface .cbi-button-add");
    await o.type(".modal [data-name=name] input", "modem");
    await o.choose(".modal [data-name=proto] select", "nasdial");
    await o.click(".modal .cbi-button-positive");
    await o.r.page.waitForSelector(".modal #cbi-network-modem-device");
    assert.deepEqual(
      await o.r.page.evaluate<string[]>(
        "[...document.querySelectorAll('.modal #cbi-network-modem-device li[data-value^=\"/dev\"]')]" +
          ".map((x) => x.dataset.value)",
      ),
      ["/dev/ttyUSB0", "/dev/ttyUSB2", "/dev/ttyS0"],
    );
    await o.r.shot("modem-new");
    await o.click(".modal .button-row .cbi-button");
    assert.deepEqual(Object.keys(o.uci.files["network"] ?? {}), ["lan", "wan"]);
    if (before) assert.equal(o.uci.files["network"]?.["lan"]?.["mtu"], "1400");
    else assert.deepEqual(o.uci.staged, []);
    await o.close();
  }
});
