// A router for tests: netifd's handler, the daemon and a real tunnel, with doubles or real parts around them.
//
//   a (router, 203.0.113.2) ---------- b (server, 203.0.113.1)
//
// By default the bus and netifd are the doubles of test/openwrt. UBUSD=/path/to/ubusd (with its `ubus` in PATH, or in
// ../bin beside it) puts a real bus in their place; NETIFD=/path/to/netifd (of a source tree: its scripts/ is used) a
// real netifd too. RPCD=/path/to/sbin/rpcd as well: LuCI's way to the daemon, through rpcd's sessions and our ACL;
// UHTTPD=/path/to/uhttpd: over HTTP.
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { build } from "esbuild";
import { Ubus } from "ubus-client";
import { nodeClock } from "../../src/runtime/node/clock.ts";
import { nodeStreams } from "../../src/runtime/node/streams.ts";
import { listenUbusd } from "../openwrt/bus.ts";
import { NetifdDouble } from "../openwrt/netifd-double.ts";
import { HANDLER } from "../openwrt/shell.ts";
import { Daemon } from "./daemon.ts";
import { DAEMON, type Lab, type Ns, type Proc, sleep, until } from "./harness.ts";
import { SerialLine } from "./line.ts";
import { B, PASSWORD, PSK, serverConfig, two } from "./sites.ts";

export const UBUSD = process.env["UBUSD"];
export const NETIFD = process.env["NETIFD"];
export const RPCD = process.env["RPCD"];
export const UHTTPD = process.env["UHTTPD"];
export const PREFIX = UBUSD === undefined ? "" : dirname(dirname(UBUSD));

export function network(more = "", password = PASSWORD): string {
  return `config interface 'loopback'\n\toption device 'lo'\n\toption proto 'static'
	option ipaddr '127.0.0.1'\n\toption netmask '255.0.0.0'\n
config interface 'wan'\n\toption device 'wan'\n\toption proto 'static'\n\toption ipaddr '203.0.113.2'
	option netmask '255.255.255.0'\n\toption gateway '${B}'\n
config interface 'hq'\n\toption proto 'l2tpsec'\n\toption server '${B}'\n\toption username 'branch1'
	option password '${password}'\n\toption psk '${PSK}'
	list routes '10.2.0.0/16'\n\toption defaultroute '0'\n${more}`;
}

export class Router {
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
    r.write(
      "l2tpsec",
      `config daemon\n\toption ubus '${r.bus}'\n\toption control '${lab.dir}/router.sock'\n\toption log debug\n`,
    );
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
    await build({
      entryPoints: ["test/openwrt/standin/ubus.ts"],
      outfile: `${bin}/ubus.mjs`,
      bundle: true,
      platform: "node",
      format: "esm",
      logLevel: "error",
    });
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
    return {
      ...(PREFIX === "" ? {} : { LD_LIBRARY_PATH: `${PREFIX}/lib` }),
      PATH: `${this.lab.dir}/bin:${PREFIX === "" ? "" : `${PREFIX}/bin:`}${process.env["PATH"]}`,
    };
  }
  /** A NAS at the other end of a cable; what the router's interface `modem` must say. */
  async nas(): Promise<string> {
    const line = new SerialLine(this.lab, 115200);
    const nas = new Daemon(await this.lab.ns("isp"), "nas", {
      "interface nas": {
        proto: "nasdial",
        device: line.devices[1],
        line: "direct",
        flow: "none",
        role: "answer",
        local_ip: "10.7.0.1",
        remote_ip: "10.7.0.2",
        dns: "10.7.0.53",
        auth: "mschapv2",
      },
      "user isp": { password: PASSWORD },
    });
    await nas.start();
    return (
      `config interface 'modem'\n\toption proto 'nasdial'\n\toption device '${line.devices[0]}'\n` +
      "\toption line 'direct'\n\toption flow 'none'\n\toption username 'isp'\n" +
      `\toption password '${PASSWORD}'\n`
    );
  }
  /** Runs the handler as netifd does. */
  async handler(command: string, name: string, proto = "l2tpsec"): Promise<void> {
    const p = this.lab.spawn(
      `handler ${command}`,
      "busybox",
      ["sh", "test/openwrt/standin/netifd-proto.sh", proto, command, name],
      {
        env: { ...this.env, HANDLER, LOG: `${this.lab.dir}/handler.log`, VALUE_server: B },
      },
    );
    assert.equal(await p.exited, 0, p.output);
  }
}

/** The double of netifd on the router's bus, with the real handler. */
export async function netifdDouble(r: Router): Promise<NetifdDouble> {
  const netifd = new NetifdDouble();
  await netifd.serve(r.client());
  netifd.add("hq");
  const proto = (n: string): string => netifd.at(n).proto;
  netifd.handler = {
    setup: (n) => r.handler("setup", n, proto(n)),
    teardown: (n) => r.handler("teardown", n, proto(n)),
  };
  return netifd;
}
