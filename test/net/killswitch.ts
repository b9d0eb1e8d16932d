// A router with a LAN and both address families, a server, and the Internet between them: where packets go while a link
// is down.
//
//   host 10.10.0.2 -- a 198.51.100.2 -- mid -- b 203.0.113.1, behind it 10.20.0.1 and fd00:20::1
//        fd00:10::2     2001:db8:1::2    "the Internet": 192.0.2.1, 2001:db8:f::1, a name server 192.0.2.53
import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { type Config, Daemon, type Section } from "./daemon.ts";
import { type Capture, type Lab, type Ns, type Proc, sh, until } from "./harness.ts";
import { A, B, clientSection, PASSWORD, serverConfig } from "./sites.ts";

export const BEHIND = ["10.20.0.1", "fd00:20::1"] as const;
export const INTERNET = ["192.0.2.1", "2001:db8:f::1"] as const;
export const NAMESERVER = "192.0.2.53";
/** Packets that only the tunnel may carry, and those that only the default route would. */
export const TO_BEHIND = `host ${BEHIND[0]} or host ${BEHIND[1]}`;
export const TO_INTERNET = `host ${INTERNET[0]} or host ${INTERNET[1]}`;

/** Sends a UDP packet to each address every 10 ms, for ever, whatever the kernel says to it. */
const SENDER = `const d = require("node:dgram"); const s = { 4: d.createSocket("udp4"), 6: d.createSocket("udp6") };
for (const x of Object.values(s)) x.on("error", () => {});
let n = 0;
setInterval(() => {
  for (const to of process.argv.slice(1)) s[to.includes(":") ? 6 : 4].send("in the clear", 7, to, () => {});
  if (++n === 1) console.log("sending"); }, 10);`;

/** A name server that knows one name, with the address that was last written to its file. */
const NAMES = `const fs = require("node:fs"); const s = require("node:dgram").createSocket("udp4");
s.on("message", (q, from) => {
  const type = q.readUInt16BE(q.length - 4);
  const ip = fs.readFileSync(process.argv[1], "utf8").trim().split(".").map(Number);
  const rr = type === 1 ? Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ...ip]) : Buffer.alloc(0);
  const a = Buffer.concat([q, rr]); a.writeUInt16BE(0x8180, 2); a.writeUInt16BE(type === 1 ? 1 : 0, 6);
  s.send(a, from.port, from.address);
});
s.bind(53, ${JSON.stringify(NAMESERVER)}, () => console.log("answering"));`;

export function serverSections(more: Section = {}): Config {
  return serverConfig(
    { ipv6: "yes", ...more },
    { "user branch1": { password: PASSWORD, ip: "10.99.0.10", routes: "10.10.0.0/24 fd00:10::/64" } },
  );
}

export class Roads {
  readonly lab: Lab;
  readonly a: Ns;
  readonly b: Ns;
  readonly mid: Ns;
  readonly host: Ns;
  readonly server: Daemon;
  readonly client: Daemon;
  #wan: Capture | null = null;
  #senders: Proc[] = [];

  private constructor(lab: Lab, ns: { a: Ns; b: Ns; mid: Ns; host: Ns }, d: { server: Daemon; client: Daemon }) {
    this.lab = lab;
    ({ a: this.a, b: this.b, mid: this.mid, host: this.host } = ns);
    ({ server: this.server, client: this.client } = d);
  }
  /** Everything but the client is running, and the senders: what they send is seen on the WAN already. */
  static async make(lab: Lab, client: Section, server: Section = {}): Promise<Roads> {
    const [a, b, mid, host] = (await Promise.all(["a", "b", "mid", "host"].map((n) => lab.ns(n, { ipv6: true })))) as [
      Ns,
      Ns,
      Ns,
      Ns,
    ];
    await a.link("wan", `${A}/24`, mid, "left", "198.51.100.1/24");
    await b.link("wan", `${B}/24`, mid, "right", "203.0.113.254/24");
    await a.link("lan", "10.10.0.1/24", host, "eth0", "10.10.0.2/24");
    await sh(`
      for n in ${a.name} ${b.name} ${mid.name} ${host.name}; do
        ip netns exec $n sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0 \\
          net.ipv4.conf.all.rp_filter=1
      done
      ip -n ${a.name} addr add 2001:db8:1::2/64 dev wan nodad
      ip -n ${mid.name} addr add 2001:db8:1::1/64 dev left nodad
      ip -n ${a.name} addr add fd00:10::1/64 dev lan nodad; ip -n ${host.name} addr add fd00:10::2/64 dev eth0 nodad
      for ip in ${INTERNET[0]}/32 ${NAMESERVER}/32 ${INTERNET[1]}/128; do ip -n ${mid.name} addr add $ip dev lo; done
      for ip in ${BEHIND[0]}/32 ${BEHIND[1]}/128; do ip -n ${b.name} addr add $ip dev lo; done
      ip -n ${a.name} route add default via 198.51.100.1; ip -n ${a.name} -6 route add default via 2001:db8:1::1
      ip -n ${b.name} route add default via 203.0.113.254
      ip -n ${host.name} route add default via 10.10.0.1; ip -n ${host.name} -6 route add default via fd00:10::1`);
    const d = {
      server: new Daemon(b, "server", serverSections(server)),
      client: new Daemon(a, "client", {
        "interface hq": clientSection({ routes: "10.20.0.0/24 fd00:20::/64", ipv6: "yes", ...client }),
      }),
    };
    await d.server.start();
    const before = await a.capture("wan", `${TO_BEHIND} or ${TO_INTERNET}`);
    const all = [...BEHIND, ...INTERNET];
    const senders = [a, host].map((n) => n.spawn(process.execPath, "-e", SENDER, ...all));
    await Promise.all(senders.map((s) => s.line(/sending/, 5000)));
    await until("every packet on the WAN, as long as nothing forbids it", 5000, async () => {
      const n = await Promise.all(all.map((ip) => before.count(`host ${ip}`)));
      return n.every((x) => x > 10);
    });
    await before.stop();
    const r = new Roads(lab, { a, b, mid, host }, d);
    r.#senders = senders;
    return r;
  }
  /** Starts the client; from its first word on the WAN is watched. */
  async start(up = true): Promise<void> {
    await this.client.start();
    this.#wan ??= await this.a.capture("wan");
    if (up) await this.client.waitUp("hq", 20_000);
  }
  /** Nothing of what the filter names has left by the WAN since start(). */
  async leaked(filter: string, why: string): Promise<void> {
    assert.ok(
      this.#senders.every((s) => s.running),
      "it was sent all the time",
    );
    const wan = this.#wan;
    assert.ok(wan);
    await wan.stop();
    const lines = await wan.lines(filter);
    assert.deepEqual(lines.slice(0, 5), [], why);
    assert.ok((await wan.count(`host ${B}`)) > 0, "the capture sees the WAN");
  }
  /** What reaches the LAN behind the server, from the client's LAN: the tunnel carries both families. */
  async throughTunnel(ms = 5000): Promise<void> {
    const inside = await this.b.capture("l2tps-lns", TO_BEHIND);
    await until("packets through the tunnel", ms, async () => {
      const n = await Promise.all(BEHIND.map((ip) => inside.count(`dst host ${ip}`)));
      return n.every((x) => x > 10);
    });
    await inside.stop();
  }
  /** The machine's name server, far away; `file` holds the address of vpn.test. */
  async names(ip: string): Promise<string> {
    const file = this.lab.write("vpn.test", ip);
    const dir = `/etc/netns/${this.a.name}`;
    mkdirSync(dir, { recursive: true });
    this.lab.atEnd(async () => rmSync(dir, { recursive: true, force: true }));
    writeFileSync(`${dir}/resolv.conf`, `nameserver ${NAMESERVER}\noptions timeout:1 attempts:1\n`);
    await this.mid.spawn(process.execPath, "-e", NAMES, file).line(/answering/, 5000);
    return file;
  }
}
