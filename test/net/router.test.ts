// A router end to end: netifd's handler, the daemon, a real tunnel, and what netifd is told.
//
//   a (router, 203.0.113.2) ---------- b (server, 203.0.113.1)
//
// By default the bus and netifd are the doubles of test/openwrt. UBUSD=/path/to/ubusd (with its `ubus` in PATH, or in ../bin
// beside it) puts a real bus in their place; NETIFD=/path/to/netifd (of a source tree: its scripts/ is used) a real netifd too.
// RPCD=/path/to/sbin/rpcd as well: LuCI's way to the daemon, through rpcd's sessions and our ACL; UHTTPD=/path/to/uhttpd: over HTTP.
import assert from "node:assert/strict";
import { appendFileSync, chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe } from "node:test";
import { build } from "esbuild";
import { type Table, Ubus } from "ubus-client";
// @ts-expect-error: a script without types
import { daemonIpk, executable } from "../../scripts/ipk.mjs";
import { VERSION } from "../../src/version.ts";
import { nodeClock } from "../../src/runtime/node/clock.ts";
import { nodeStreams } from "../../src/runtime/node/streams.ts";
import { listenUbusd } from "../openwrt/bus.ts";
import { NetifdDouble } from "../openwrt/netifd-double.ts";
import { HANDLER } from "../openwrt/shell.ts";
import { Daemon } from "./daemon.ts";
import { DAEMON, type Lab, memory, type Ns, type Proc, PROGRAM, run, scenario, sleep, until } from "./harness.ts";
import { SerialLine } from "./line.ts";
import { B, PASSWORD, PSK, serverConfig, two } from "./sites.ts";

const UBUSD = process.env["UBUSD"];
const NETIFD = process.env["NETIFD"];
const RPCD = process.env["RPCD"];
const UHTTPD = process.env["UHTTPD"];
const PREFIX = UBUSD === undefined ? "" : dirname(dirname(UBUSD));

function network(more = "", password = PASSWORD): string {
  return `config interface 'loopback'\n\toption device 'lo'\n\toption proto 'static'\n\toption ipaddr '127.0.0.1'\n\toption netmask '255.0.0.0'\n
config interface 'wan'\n\toption device 'wan'\n\toption proto 'static'\n\toption ipaddr '203.0.113.2'\n\toption netmask '255.255.255.0'\n\toption gateway '${B}'\n
config interface 'hq'\n\toption proto 'l2tpsec'\n\toption server '${B}'\n\toption username 'branch1'\n\toption password '${password}'\n\toption psk '${PSK}'\n\tlist routes '10.2.0.0/16'\n\toption defaultroute '0'\n${more}`;
}

class Router {
  readonly lab: Lab;
  readonly ns: Ns;
  readonly bus: string;
  readonly server: Daemon;
  daemon: Proc | null = null;
  ubusd: Proc | null = null;
  netifd: Proc | null = null;
  #clients: Ubus[] = [];

  private constructor(lab: Lab, ns: Ns, server: Daemon) {
    this.lab = lab;
    this.ns = ns;
    this.server = server;
    this.bus = `${lab.dir}/ubus.sock`;
  }
  static async make(lab: Lab, text = network()): Promise<Router> {
    const { a, b } = await two(lab);
    const server = new Daemon(b, "server", serverConfig());
    const r = new Router(lab, a, server);
    mkdirSync(`${lab.dir}/config`);
    mkdirSync(`${lab.dir}/bin`);
    r.write("network", text);
    r.write("l2tpsec", `config daemon\n\toption ubus '${r.bus}'\n\toption control '${lab.dir}/router.sock'\n\toption log debug\n`);
    await Promise.all([server.start(), r.startBus()]);
    await r.tools();
    lab.atEnd(async () => {
      for (const c of r.#clients) c.close();
    });
    return r;
  }
  write(name: string, text: string): void {
    writeFileSync(`${this.lab.dir}/config/${name}`, text, { mode: 0o600 });
  }
  async startBus(): Promise<void> {
    if (UBUSD === undefined) {
      const double = await listenUbusd(this.bus);
      this.lab.atEnd(async () => double.close());
      return;
    }
    this.ubusd = this.lab.spawn("ubusd", UBUSD, ["-s", this.bus]);
    await until("the bus", 3000, () => existsSync(this.bus));
  }
  /** The programs that a handler finds on a router. */
  async tools(): Promise<void> {
    const bin = `${this.lab.dir}/bin`;
    const tool = (name: string, text: string): void => {
      writeFileSync(`${bin}/${name}`, text);
      chmodSync(`${bin}/${name}`, 0o755);
    };
    tool("resolveip", '#!/bin/sh\necho "$3"\n');
    if (UBUSD !== undefined) return tool("ubus", `#!/bin/sh\nexec '${PREFIX}/bin/ubus' -s '${this.bus}' "$@"\n`);
    await build({ entryPoints: ["test/openwrt/standin/ubus.ts"], outfile: `${bin}/ubus.mjs`, bundle: true, platform: "node", format: "esm", logLevel: "error" });
    tool("ubus", `#!/bin/sh\nUBUS_SOCKET='${this.bus}' exec '${process.execPath}' '${bin}/ubus.mjs' "$@"\n`);
  }
  client(): Ubus {
    const c = new Ubus({ connect: () => nodeStreams.connect(this.bus), clock: nodeClock });
    this.#clients.push(c);
    c.start();
    return c;
  }
  async startDaemon(): Promise<Proc> {
    const args = ["netns", "exec", this.ns.name, DAEMON, "run", "--uci", `${this.lab.dir}/config`, "--foreground"];
    const p = this.lab.spawn("router", "ip", args, { env: { NODE: process.execPath } });
    this.daemon = p;
    await p.line(/daemon\.ready/, 10_000);
    const bus = this.client();
    await until("l2tpsec on the bus", 5000, async () => (await bus.lookup("l2tpsec").catch(() => [])).length > 0);
    await sleep(100); // it has asked netifd what is wanted
    return p;
  }
  get env(): NodeJS.ProcessEnv {
    return { ...(PREFIX === "" ? {} : { LD_LIBRARY_PATH: `${PREFIX}/lib` }), PATH: `${this.lab.dir}/bin:${PREFIX === "" ? "" : `${PREFIX}/bin:`}${process.env["PATH"]}` };
  }
  /** A NAS at the other end of a cable; what the router's interface `modem` must say. */
  async nas(): Promise<string> {
    const line = new SerialLine(this.lab, 115200);
    const nas = new Daemon(this.server.ns, "nas", {
      "interface nas": { proto: "nasdial", device: line.devices[1], line: "direct", flow: "none", role: "answer", local_ip: "10.7.0.1", remote_ip: "10.7.0.2", dns: "10.7.0.53", auth: "mschapv2" },
      "user isp": { password: PASSWORD },
    });
    await nas.start();
    return `config interface 'modem'\n\toption proto 'nasdial'\n\toption device '${line.devices[0]}'\n\toption line 'direct'\n\toption flow 'none'\n\toption username 'isp'\n\toption password '${PASSWORD}'\n`;
  }
  /** Runs the handler as netifd does. */
  async handler(command: string, name: string, proto = "l2tpsec"): Promise<void> {
    const p = this.lab.spawn(`handler ${command}`, "busybox", ["sh", "test/openwrt/standin/netifd-proto.sh", proto, command, name], {
      env: { ...this.env, HANDLER, LOG: `${this.lab.dir}/handler.log`, VALUE_server: B },
    });
    assert.equal(await p.exited, 0, p.output);
  }
}

/** The double of netifd on the router's bus, with the real handler. */
async function netifdDouble(r: Router): Promise<NetifdDouble> {
  const netifd = new NetifdDouble();
  await netifd.serve(r.client());
  netifd.add("hq");
  const proto = (n: string): string => netifd.at(n).proto;
  netifd.handler = { setup: (n) => r.handler("setup", n, proto(n)), teardown: (n) => r.handler("teardown", n, proto(n)) };
  return netifd;
}

describe("a router", () => {
  scenario("ifup: handler, daemon, tunnel, update, within 1.5 s; ifdown within 5", { needs: ["daemon", "busybox"] }, async (lab) => {
    const r = await Router.make(lab);
    const netifd = await netifdDouble(r);
    await r.startDaemon();
    const t = performance.now();
    netifd.up("hq");
    await until("the update", 10_000, () => netifd.at("hq").state === "up");
    const took = performance.now() - t;
    console.log(`# handler to update: ${took.toFixed(0)} ms`);
    const [update] = netifd.at("hq").updates;
    assert.deepEqual(update, {
      action: 0, ifname: "l2tps-hq", "link-up": true, "address-external": true, keep: false, ipaddr: [{ ipaddr: "10.99.0.10", mask: "32", ptp: "10.99.0.1" }],
      routes: [{ target: "10.2.0.0", netmask: "16" }], dns: ["10.99.0.1"], data: { server: B, mtu: 1400 }, interface: "hq",
    });
    assert.match(readFileSync(`${lab.dir}/handler.log`, "utf8"), new RegExp(`^dependency hq ${B.replaceAll(".", "\\.")}$`, "m"));
    const ping = await r.ns.ping("10.99.0.1", 3);
    assert.equal(ping.received, 3);
    assert.doesNotMatch(await r.ns.must("ip", "route"), /10\.2\.0\.0\/16 dev l2tps-hq/, "routes are netifd's");
    assert.ok(took <= 1500, `${took} ms`);
    const down = performance.now();
    netifd.down("hq");
    await until("down", 5000, () => netifd.at("hq").state === "down");
    console.log(`# ifdown: ${(performance.now() - down).toFixed(0)} ms`);
    assert.equal(await r.ns.hasDevice("l2tps-hq"), false);
    console.log(`# memory of the daemon: ${(memory(r.daemon?.pid ?? 0, "Rss") / 1e6).toFixed(1)} MB, of which its own ${(memory(r.daemon?.pid ?? 0, "Anonymous") / 1e6).toFixed(1)} MB`);
    const everybody = readFileSync(`/proc/${r.daemon?.pid}/cmdline`, "utf8");
    assert.doesNotMatch(everybody, new RegExp(`${PSK}|${PASSWORD}`));
  });

  scenario("the daemon is killed: the next one tells netifd, and the link comes back within seconds", { needs: ["daemon", "busybox"] }, async (lab) => {
    const r = await Router.make(lab);
    const netifd = await netifdDouble(r);
    await r.startDaemon();
    netifd.up("hq");
    await until("up", 10_000, () => netifd.at("hq").state === "up");
    await r.daemon?.stop("SIGKILL");
    const t = performance.now();
    const started = r.startDaemon();
    await until("up again", 20_000, () => netifd.at("hq").updates.filter((u) => u["link-up"] === true).length === 2);
    console.log(`# up ${(performance.now() - t).toFixed(0)} ms after the start of a new daemon`);
    await started;
    assert.deepEqual(netifd.at("hq").updates.map((u) => u["link-up"]), [true, false, true]);
  });
});

describe("the package", () => {
  const EXE = "dist/l2tpsec";
  scenario("the daemon starts from the unpacked .ipk, with its own configuration", { needs: ["daemon"] }, async (lab) => {
    if (!existsSync(EXE)) return console.log(`# there is no ${EXE}`);
    const ns = await lab.ns("pkg");
    const { data, arch } = executable({ L2TPSEC: EXE, ARCH: "x86_64" }) as { data: Uint8Array; arch: string };
    writeFileSync(`${lab.dir}/p.ipk`, daemonIpk({ data, arch }, VERSION) as Uint8Array);
    for (const f of ["p.ipk", "data.tar.gz"]) assert.equal((await run("tar", ["-C", lab.dir, "-xzf", `${lab.dir}/${f}`])).code, 0);
    appendFileSync(`${lab.dir}/etc/config/l2tpsec`, `\nconfig daemon 'daemon'\n\toption control '${lab.dir}/pkg.sock'\n\toption ubus 'off'\n`);
    writeFileSync(`${lab.dir}/etc/config/network`, "");
    const p = lab.spawn("package", "ip", ["netns", "exec", ns.name, `${lab.dir}/usr/sbin/l2tpsec`, "run", "--uci", `${lab.dir}/etc/config`, "--foreground"]);
    await p.line(/daemon\.ready/, 5000);
    await p.stop("SIGTERM");
    assert.doesNotMatch(p.output, /error|warn/);
  });

  scenario("without libcrypto the init script says so in one line, and starts nothing", { needs: ["daemon", "busybox"] }, async (lab) => {
    if (!existsSync(EXE)) return console.log(`# there is no ${EXE}`);
    const lib = (await run("sh", ["-c", "ldconfig -p | sed -n 's/.*libcrypto.so.3 .*=> //p' | head -n 1"])).stdout.trim();
    const log = `${lab.dir}/log`;
    const start = `mount --bind /dev/null '${lib}' && LOG='${log}' FAKE_PROG='${process.cwd()}/${EXE}' busybox sh test/openwrt/standin/rc.common openwrt/l2tpsec/files/etc/init.d/l2tpsec start`;
    assert.equal((await run("unshare", ["-m", "sh", "-c", start])).code, 1);
    assert.match(readFileSync(log, "utf8"), /^logger -t l2tpsec -p daemon\.err not started: .*dist\/l2tpsec does not run here: l2tpsec: libcrypto\.so\.3 not found.*\n$/);
  });
});

describe("a router with a modem", () => {
  scenario("ifup: handler, daemon, serial line, update; ifdown within 5 s", { needs: ["daemon", "busybox"] }, async (lab) => {
    const r = await Router.make(lab);
    r.write("network", network() + (await r.nas()));
    const netifd = await netifdDouble(r);
    netifd.add("modem", "nasdial");
    await r.startDaemon();
    const t = performance.now();
    netifd.up("modem");
    await until("the update", 15_000, () => netifd.at("modem").state === "up");
    console.log(`# handler to update over a serial line: ${(performance.now() - t).toFixed(0)} ms`);
    const [update] = netifd.at("modem").updates;
    const device = (update?.["data"] as { device?: string } | undefined)?.device ?? "";
    assert.deepEqual(update, {
      action: 0, ifname: "nas-modem", "link-up": true, "address-external": true, keep: false, ipaddr: [{ ipaddr: "10.7.0.2", mask: "32", ptp: "10.7.0.1" }],
      routes: [{ target: "0.0.0.0", netmask: "0" }], dns: ["10.7.0.53"], data: { device, mtu: 1500 }, interface: "modem",
    });
    assert.match(device, /^\/dev\/pts\//);
    assert.equal((await r.ns.ping("10.7.0.1", 2)).received, 2);
    // The tunnel of the same router is another interface, and not touched by this one.
    netifd.up("hq");
    await until("hq", 10_000, () => netifd.at("hq").state === "up");
    netifd.down("modem");
    await until("down", 5000, () => netifd.at("modem").state === "down");
    assert.deepEqual([await r.ns.hasDevice("nas-modem"), netifd.at("hq").state, netifd.at("hq").updates.length], [false, "up", 1]);
  });
});

describe("with a real netifd", { skip: UBUSD === undefined || NETIFD === undefined ? "UBUSD and NETIFD are not given" : false }, () => {
  /** netifd in the router's namespace, with its own shell library and ours for a handler. */
  async function start(r: Router): Promise<Ubus> {
    const main = `${r.lab.dir}/netifd`;
    mkdirSync(`${main}/proto`, { recursive: true });
    const scripts = `${dirname(NETIFD ?? "")}/scripts`;
    const jshn = `${PREFIX}/share/libubox/jshn.sh`;
    const put = (from: string, to: string, change: (s: string) => string = (s) => s): void => {
      writeFileSync(to, change(readFileSync(from, "utf8")));
      chmodSync(to, 0o755);
    };
    copyFileSync(`${scripts}/utils.sh`, `${main}/utils.sh`);
    put(`${scripts}/netifd-proto.sh`, `${main}/netifd-proto.sh`, (s) => s.replaceAll(/\/usr\/(local\/)?share\/libubox\/jshn\.sh/g, jshn));
    put(HANDLER, `${main}/proto/l2tpsec.sh`, (s) => s.replace("#!/bin/sh", "#!/bin/busybox sh").replace(". /lib/functions.sh", ":"));
    writeFileSync(`${r.lab.dir}/bin/hotplug`, "#!/bin/sh\nexit 0\n");
    chmodSync(`${r.lab.dir}/bin/hotplug`, 0o755);
    await r.ns.must("ip", "addr", "flush", "dev", "wan");
    const args = ["netns", "exec", r.ns.name, NETIFD ?? "", "-s", r.bus, "-p", main, "-c", `${r.lab.dir}/config`, "-h", `${r.lab.dir}/bin/hotplug`, "-r", `${r.lab.dir}/resolv.conf`, "-l", "4", "-S"];
    r.netifd = r.lab.spawn("netifd", "ip", args, { env: { ...r.env, NETIFD_MAIN_DIR: main } });
    const bus = r.client();
    await until("netifd", 5000, async () => (await bus.lookup("network.interface.hq").catch(() => [])).length > 0);
    return bus;
  }
  const status = async (bus: Ubus, name = "hq"): Promise<Table> => JSON.parse(JSON.stringify(await bus.call(`network.interface.${name}`, "status"))) as Table;
  const isUp = (bus: Ubus): Promise<Table> => until("up", 20_000, async () => {
    const s = await status(bus);
    return s["up"] === true ? s : null;
  });

  scenario("ifup, routes, DNS, loss of wan, restarts, ifdown", { needs: ["daemon", "busybox"], timeout: 120_000 }, async (lab) => {
    const r = await Router.make(lab, network("\toption defaultroute '1'\n"));
    await r.startDaemon();
    const t = performance.now();
    const bus = await start(r);
    const s = await isUp(bus);
    console.log(`# netifd started to hq up: ${(performance.now() - t).toFixed(0)} ms`);
    assert.deepEqual([s["proto"], s["l3_device"], s["ipv4-address"]], ["l2tpsec", "l2tps-hq", [{ address: "10.99.0.10", mask: 32, ptpaddress: "10.99.0.1" }]]);
    assert.deepEqual(s["dns-server"], ["10.99.0.1"]);
    assert.deepEqual(s["data"], { server: B, mtu: 1400 });
    const routes = await r.ns.must("ip", "route");
    for (const want of [/^0\.0\.0\.0\/1 dev l2tps-hq/m, /^128\.0\.0\.0\/1 dev l2tps-hq/m, /^10\.2\.0\.0\/16 dev l2tps-hq/m, /^default via 203\.0\.113\.1 dev wan/m]) assert.match(routes, want);
    assert.match(readFileSync(`${lab.dir}/resolv.conf`, "utf8"), /nameserver 10\.99\.0\.1/);
    assert.equal((await r.ns.ping("10.99.0.1", 2)).received, 2);

    // An error of the peer: netifd waits, and gets the link again.
    const session = Object.values(JSON.parse((await r.server.cli("status", "lns", "--json")).stdout) as Record<string, { sessions: { session: number }[] }>)[0]?.sessions[0]?.session;
    assert.equal((await r.server.cli("disconnect", String(session))).code, 0);
    await until("lost", 5000, async () => (await status(bus))["up"] === false);
    const waiting = await status(bus);
    assert.deepEqual([waiting["pending"], (waiting["errors"] as { code: string }[])[0]?.code], [true, "PEER_TERMINATED"]);
    await isUp(bus);

    // The daemon dies and comes back.
    await r.daemon?.stop("SIGKILL");
    await r.startDaemon();
    await until("told", 5000, () => /link\.up/.test(r.daemon?.output ?? ""));
    await isUp(bus);
    assert.match(await r.ns.must("ip", "route"), /^10\.2\.0\.0\/16 dev l2tps-hq/m);

    // wan goes, and comes back.
    await bus.call("network.interface.wan", "down");
    await until("down with wan, and waiting for it", 8000, async () => (await status(bus))["available"] === false);
    await bus.call("network.interface.wan", "up");
    await isUp(bus);

    const down = performance.now();
    await bus.call("network.interface.hq", "down");
    await until("ifdown", 6000, async () => {
      const x = await status(bus);
      return x["up"] === false && x["pending"] === false;
    });
    console.log(`# ifdown: ${(performance.now() - down).toFixed(0)} ms`);
    await until("the netdev gone", 3000, async () => !(await r.ns.hasDevice("l2tps-hq")));
    // A person's button.
    await bus.call("l2tpsec", "up", { name: "hq" });
    await isUp(bus);
  });

  scenario("a NAS leg: address, route, DNS, ifdown", { needs: ["daemon", "busybox"] }, async (lab) => {
    const r = await Router.make(lab);
    r.write("network", `${network()}${await r.nas()}\toption metric '7'\n`);
    await r.startDaemon();
    const bus = await start(r);
    const s = await until("up", 20_000, async () => {
      const x = await status(bus, "modem");
      return x["up"] === true ? x : null;
    });
    assert.deepEqual([s["proto"], s["l3_device"], s["ipv4-address"], s["dns-server"]], ["nasdial", "nas-modem", [{ address: "10.7.0.2", mask: 32, ptpaddress: "10.7.0.1" }], ["10.7.0.53"]]);
    assert.match(await r.ns.must("ip", "route"), /^default dev nas-modem .*metric 7/m);
    assert.equal((await r.ns.ping("10.7.0.1", 2)).received, 2);
    await bus.call("network.interface.modem", "down");
    await until("the netdev gone", 6000, async () => !(await r.ns.hasDevice("nas-modem")));
    assert.equal((await status(bus, "modem"))["pending"], false);
  });

  scenario("a tunnel over a NAS leg: it waits for the line, rides on it, ends with it and comes back", { needs: ["daemon", "busybox"], timeout: 90_000 }, async (lab) => {
    const r = await Router.make(lab);
    const modem = await r.nas();
    r.write("network", network().replace("device 'wan'\n\toption proto 'static'", "device 'wan'\n\toption proto 'none'") + modem);
    await r.startDaemon();
    const bus = await start(r);
    await bus.call("network.interface.modem", "down");
    await until("no way to the server", 5000, async () => (await status(bus))["up"] === false);
    await bus.call("network.interface.modem", "up");
    await isUp(bus);
    const hq = (await bus.call("l2tpsec", "status", { name: "hq" }))?.["hq"] as Table;
    assert.equal(hq["via"], "nas-modem");
    assert.equal((await r.ns.ping("10.99.0.1", 2)).received, 2);
    assert.match(await r.ns.must("ip", "route"), /^10\.2\.0\.0\/16 dev l2tps-hq/m);
    await bus.call("network.interface.modem", "down");
    await until("down with the line", 8000, async () => (await status(bus))["up"] === false);
    await bus.call("network.interface.modem", "up");
    await until("the line", 15_000, async () => (await status(bus, "modem"))["up"] === true);
    const t = performance.now();
    await isUp(bus);
    console.log(`# tunnel up ${(performance.now() - t).toFixed(0)} ms after its line`);
    assert.equal((await r.ns.ping("10.99.0.1", 2)).received, 2);
  });

  scenario("a wrong password, then the right one", { needs: ["daemon", "busybox"] }, async (lab) => {
    const r = await Router.make(lab, network("", "wrong"));
    await r.startDaemon();
    const bus = await start(r);
    const s = await until("given up", 20_000, async () => {
      const x = await status(bus);
      return x["pending"] === false && x["errors"] !== undefined ? x : null;
    });
    assert.deepEqual([(s["errors"] as { code: string }[])[0]?.code, s["autostart"]], ["AUTH_FAILED", false]);
    r.write("network", network());
    await bus.call("network", "reload");
    await sleep(300);
    assert.equal((await status(bus))["pending"], false, "netifd sees no secret change");
    assert.equal((await run(PROGRAM[0], [...PROGRAM.slice(1), "reload", "--socket", `${lab.dir}/router.sock`])).code, 0);
    await isUp(bus);
  });

  scenario("the bus restarts", { needs: ["daemon", "busybox"] }, async (lab) => {
    const r = await Router.make(lab);
    await r.startDaemon();
    const bus = await start(r);
    await isUp(bus);
    await r.ubusd?.stop();
    await sleep(200);
    await r.startBus();
    await until("l2tpsec on the new bus", 15_000, async () => (await bus.lookup("l2tpsec").catch(() => [])).length > 0 && (await bus.lookup("network.interface.hq").catch(() => [])).length > 0);
    await sleep(500);
    assert.equal((await status(bus))["up"], true);
    assert.doesNotMatch(r.daemon?.output ?? "", /link\.down/);
  });

  scenario("netifd is killed: the next one has the interface up, and the link never went down", { needs: ["daemon", "busybox"] }, async (lab) => {
    const r = await Router.make(lab, network("\tlist routes '10.3.0.0/16'\n"));
    await r.startDaemon();
    await isUp(await start(r));
    await r.netifd?.stop("SIGKILL");
    const bus = await start(r);
    const s = await isUp(bus);
    assert.deepEqual(s["ipv4-address"], [{ address: "10.99.0.10", mask: 32, ptpaddress: "10.99.0.1" }]);
    assert.match(await r.ns.must("ip", "route"), /^10\.3\.0\.0\/16 dev l2tps-hq/m);
    assert.equal((await r.ns.ping("10.99.0.1", 2)).received, 2);
    assert.doesNotMatch(r.daemon?.output ?? "", /link\.down/);
  });

  scenario("ubusd, netifd and the daemon are killed in any order: the link is up again, with its routes", { needs: ["daemon", "busybox"], timeout: 180_000 }, async (lab) => {
    const r = await Router.make(lab);
    await r.startDaemon();
    let bus = await start(r);
    await isUp(bus);
    const kill = { u: () => r.ubusd, n: () => r.netifd, d: () => r.daemon };
    for (const order of ["und", "udn", "nud", "ndu", "dun", "dnu"]) {
      for (const which of order) {
        await kill[which as keyof typeof kill]()?.stop("SIGKILL");
        if (which === "u") await r.startBus();
        if (which === "n") bus = await start(r);
        if (which === "d") await r.startDaemon();
      }
      const t = performance.now();
      await until("the object of netifd", 15_000, async () => (await bus.lookup("network.interface.hq").catch(() => [])).length > 0);
      await isUp(bus);
      await until("the route", 5000, async () => /^10\.2\.0\.0\/16 dev l2tps-hq/m.test(await r.ns.must("ip", "route")));
      assert.equal((await r.ns.ping("10.99.0.1", 1)).received, 1, order);
      console.log(`# ${order}: up ${(performance.now() - t).toFixed(0)} ms after the last start`);
    }
  });

  scenario("an option is changed: netifd and the daemon agree on the new one, whoever hears first; another interface is untouched", { needs: ["daemon", "busybox"] }, async (lab) => {
    const r = await Router.make(lab);
    await r.startDaemon();
    const bus = await start(r);
    await isUp(bus);
    r.write("network", network().replace("10.2.0.0/16", "10.4.0.0/16"));
    await bus.call("network", "reload");
    await until("the new route", 10_000, async () => /^10\.4\.0\.0\/16 dev l2tps-hq/m.test(await r.ns.must("ip", "route")));
    assert.equal((await bus.call("l2tpsec", "reload"))?.["changed"], "nothing changed");
    // What is none of ours disturbs nothing.
    const before = (await status(bus))["uptime"];
    r.write("network", `${network().replace("10.2.0.0/16", "10.4.0.0/16")}config interface 'guest'\n\toption proto 'none'\n`);
    await bus.call("network", "reload");
    assert.equal((await bus.call("l2tpsec", "reload"))?.["changed"], "nothing changed");
    await sleep(500);
    assert.ok(Number((await status(bus))["uptime"]) >= Number(before));
    assert.equal((r.daemon?.output.match(/hq: link\.down/g) ?? []).length, 1, "once, for the change before");
    // A wrong option: readable in ifstatus.
    r.write("network", network("\toption mtu '9'\n"));
    await bus.call("network", "reload");
    const s = await until("the error", 10_000, async () => {
      const x = await status(bus);
      return (x["errors"] as { code: string }[] | undefined)?.[0]?.code === "INVALID_CONFIG" ? x : null;
    });
    assert.deepEqual((s["errors"] as { data: string[] }[])[0]?.data, ['network.hq.mtu: "9" is not allowed (allowed: a whole number from 576 to 1500 bytes)']);
    assert.equal((await status(bus, "wan"))["up"], true);
    r.write("network", network("\toption mtu '1300'\n"));
    await bus.call("network", "reload");
    assert.equal(((await isUp(bus))["data"] as { mtu: number }).mtu, 1300);
  });
});

describe("with a real rpcd", { skip: UBUSD === undefined || RPCD === undefined ? "UBUSD and RPCD are not given" : false }, () => {
  const ACL = "openwrt/luci-app-l2tpsec/root/usr/share/rpcd/acl.d/luci-app-l2tpsec.json";
  const HASH = "$5$router$zloDNG1ztTnvj13Wg5Sj8Io2uMa4nkPcy8rFS3flGI1"; // of rpcd-test
  const NOBODY = "00000000000000000000000000000000";
  /** rpcd with our ACL and two logins, in a mount namespace where /etc and its own folder of ACLs are the test's. */
  async function start(r: Router): Promise<Ubus> {
    const { dir } = r.lab;
    const acls = `${dirname(dirname(RPCD ?? ""))}/share/rpcd/acl.d`;
    for (const d of ["etc", "etc/config", "acl"]) mkdirSync(`${dir}/${d}`);
    copyFileSync(ACL, `${dir}/acl/luci-app-l2tpsec.json`);
    // As rpcd brings it and as LuCI does: who may log in, and who may read settings that have an ACL of their own.
    writeFileSync(`${dir}/acl/unauthenticated.json`, JSON.stringify({ unauthenticated: { read: { ubus: { session: ["access", "login"] } } } }));
    writeFileSync(`${dir}/acl/luci-base.json`, JSON.stringify({ "luci-base": { read: { ubus: { file: ["exec", "read"], uci: ["get"] } }, write: { ubus: { uci: ["set", "add", "delete"] } } } }));
    writeFileSync(`${dir}/etc/passwd`, "root:x:0:0:root:/root:/bin/sh\n");
    writeFileSync(`${dir}/etc/config/l2tpsec`, "config user 'alice'\n\toption password 'of-alice'\n", { mode: 0o600 });
    writeFileSync(`${dir}/etc/config/network`, network(), { mode: 0o600 });
    writeFileSync(`${dir}/etc/config/rpcd`, ["read", "write"].map((w) => `config login\n\toption username '${w}'\n\toption password '${HASH}'\n\tlist ${w} 'luci-*'\n`).join("\n"));
    const script = `mount --bind '${dir}/etc' /etc && mkdir -p '${acls}' && mount --bind '${dir}/acl' '${acls}' && exec '${RPCD}' -s '${r.bus}'`;
    r.lab.spawn("rpcd", "unshare", ["-m", "sh", "-c", script], { env: r.env });
    const bus = r.client();
    await until("rpcd", 5000, async () => (await bus.lookup("session").catch(() => [])).length > 0);
    return bus;
  }
  async function login(bus: Ubus, username: string): Promise<string> {
    return (await bus.call("session", "login", { username, password: "rpcd-test" }))?.["ubus_rpc_session"] as string;
  }

  scenario("sessions: the ACL grants what the pages call, a reader no more than to look", { needs: ["daemon", "unshare"] }, async (lab) => {
    const r = await Router.make(lab);
    await r.startDaemon();
    const bus = await start(r);
    const reader = await login(bus, "read");
    const writer = await login(bus, "write");
    const may = async (sid: string, scope: string, object: string, fn: string): Promise<unknown> =>
      (await bus.call("session", "access", { ubus_rpc_session: sid, scope, object, function: fn }))?.["access"];
    const rights = (sid: string): Promise<unknown[]> => Promise.all([
      ...["status", "up", "down", "doctor", "disconnect", "reload", "setup", "teardown"].map((m) => may(sid, "ubus", "l2tpsec", m)),
      may(sid, "uci", "l2tpsec", "read"), may(sid, "uci", "l2tpsec", "write"), may(sid, "uci", "network", "read"),
      // Both are asked by cgi-io, which runs logread for the page.
      may(sid, "cgi-io", "exec", "read"), may(sid, "file", "/sbin/logread -e l2tpsec", "exec"), may(sid, "file", "/sbin/logread", "exec"), may(sid, "file", "/etc/config/l2tpsec", "read"),
    ]);
    const [T, F] = [true, false];
    assert.deepEqual(await rights(writer), [T, T, T, T, T, F, F, F, T, T, F, T, T, F, F]);
    assert.deepEqual(await rights(reader), [T, F, F, F, F, F, F, F, T, F, F, T, T, F, F]);
    assert.deepEqual(await rights(NOBODY), Array(15).fill(F));
    // rpcd itself enforces what is said of settings and files. As everywhere in LuCI, who may read settings reads their secrets.
    const denied = { status: 6 };
    assert.equal((await bus.call("uci", "get", { ubus_rpc_session: reader, config: "l2tpsec", section: "alice", option: "password" }))?.["value"], "of-alice");
    await assert.rejects(bus.call("uci", "set", { ubus_rpc_session: reader, config: "l2tpsec", section: "alice", values: { password: "x" } }), denied);
    await assert.rejects(bus.call("uci", "get", { ubus_rpc_session: writer, config: "network" }), denied);
    await assert.rejects(bus.call("file", "read", { ubus_rpc_session: writer, path: "/etc/config/l2tpsec" }), denied);
    // What uhttpd adds to every call is nothing to the daemon.
    assert.deepEqual(Object.keys((await bus.call("l2tpsec", "status", { ubus_rpc_session: reader })) ?? {}), ["hq"]);
  });

  scenario("over HTTP: status for a reader, up and down for a writer only", { needs: ["daemon", "unshare", "curl"] }, async (lab, t) => {
    if (UHTTPD === undefined) return t.skip("UHTTPD is not given");
    const r = await Router.make(lab);
    await r.startDaemon();
    const bus = await start(r);
    mkdirSync(`${lab.dir}/www`);
    const args = ["netns", "exec", r.ns.name, UHTTPD, "-f", "-p", "127.0.0.1:8080", "-h", `${lab.dir}/www`, "-u", "/ubus", "-U", r.bus];
    lab.spawn("uhttpd", "ip", args, { env: r.env });
    const post = async (sid: string, object: string, method: string, params: object = {}): Promise<{ error?: { code: number }; result?: [number, Record<string, unknown>?] }> => {
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "call", params: [sid, object, method, params] });
      return JSON.parse(await r.ns.must("curl", "-s", "-H", "Content-Type: application/json", "--data", body, "http://127.0.0.1:8080/ubus"));
    };
    await until("uhttpd", 5000, () => post(NOBODY, "session", "access").then(() => true, () => false));
    const logged = async (username: string): Promise<string> => (await post(NOBODY, "session", "login", { username, password: "rpcd-test" })).result?.[1]?.["ubus_rpc_session"] as string;
    const [reader, writer] = [await logged("read"), await logged("write")];
    const said = await post(reader, "l2tpsec", "status");
    assert.deepEqual([said.result?.[0], Object.keys(said.result?.[1] ?? {})], [0, ["hq"]]);
    assert.doesNotMatch(JSON.stringify(said), new RegExp(`${PSK}|${PASSWORD}`));
    for (const [method, params] of [["up", { name: "hq" }], ["down", { name: "hq" }], ["doctor", { name: "hq" }], ["disconnect", { session: 1 }]] as const) {
      assert.equal((await post(reader, "l2tpsec", method, params)).error?.code, -32002, method);
      assert.equal((await post(NOBODY, "l2tpsec", method, params)).error?.code, -32002, method);
    }
    for (const method of ["setup", "teardown"]) assert.equal((await post(writer, "l2tpsec", method, { name: "hq" })).error?.code, -32002, method);
    assert.equal((await post(NOBODY, "l2tpsec", "status")).error?.code, -32002);
    const state = async (): Promise<unknown> => {
      const hq = (await post(reader, "l2tpsec", "status", { name: "hq" })).result?.[1]?.["hq"] as Table;
      return hq["state"];
    };
    assert.deepEqual((await post(writer, "l2tpsec", "up", { name: "hq" })).result, [0]);
    await until("up", 10_000, async () => (await state()) === "up");
    assert.deepEqual((await post(writer, "l2tpsec", "down", { name: "hq" })).result, [0]);
    assert.notEqual(await state(), "up");
    const doctor = (await post(writer, "l2tpsec", "doctor", { name: "hq" })).result;
    assert.deepEqual([doctor?.[0], doctor?.[1]?.["ok"]], [0, true]);
    assert.equal((await post(writer, "l2tpsec", "disconnect", { session: 77 })).result?.[0], 4);
    assert.equal((await post(writer, "l2tpsec", "disconnect", { session: "77" })).result?.[0], 2);
    await bus.call("session", "destroy", { ubus_rpc_session: writer });
    assert.equal((await post(writer, "l2tpsec", "up", { name: "hq" })).error?.code, -32002, "the session has ended");
  });
});
