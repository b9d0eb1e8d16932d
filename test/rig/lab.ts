// The networks of the scenes with a guest, and our daemon in them.
//
//   direct:   our namespace 10.77.0.9 -- tap -- guest 10.77.0.1
//   natted:   ours 203.0.113.1 -- veth -- NAT -- tap 192.168.77.254 -- guest 192.168.77.2
import assert from "node:assert/strict";
import { type Config, Daemon, type Section } from "../net/daemon.ts";
import { type Capture, type Lab, type Ns, until } from "../net/harness.ts";
import { without } from "../net/sites.ts";
import { GUEST_NEEDS, Guest } from "./harness.ts";
import { PASSWORD, PSK, USER } from "./peers.ts";

export const NEEDS = { needs: GUEST_NEEDS, timeout: 240_000 };
export const OURS = "10.77.0.9";
export const GUEST = "10.77.0.1";

export async function direct(lab: Lab): Promise<{ ns: Ns; guest: Guest; wire: Capture }> {
  const ns = await lab.ns("ours");
  const guest = await Guest.boot(ns, "peer", `${OURS}/24`, `${GUEST}/24`);
  return { ns, guest, wire: await ns.capture("peer") };
}
/** The guest behind a NAT (it calls us), or we behind the NAT (we call it). */
export async function natted(lab: Lab, who: "guest" | "ours"): Promise<{ ns: Ns; guest: Guest; wire: Capture }> {
  const [ns, nat] = [await lab.ns("ours"), await lab.ns("nat")];
  await ns.link("wan", "203.0.113.1/24", nat, "wan", "203.0.113.254/24");
  await ns.route("default", "203.0.113.254");
  const guest = await Guest.boot(nat, "peer", "192.168.77.254/24", "192.168.77.2/24", "192.168.77.254");
  await nat.masquerade(who === "guest" ? "wan" : "peer");
  return { ns, guest, wire: await ns.capture("wan") };
}
/** In the clear, or with certificates, there is no key. */
function keyed(more: Record<string, string | number>, section: Section): Section {
  return more["ipsec"] === "off" || "cert" in more ? without(section, "psk") : section;
}
export function client(ns: Ns, server: string, more: Record<string, string | number> = {}): Daemon {
  const section = { proto: "l2tpsec", server, username: USER, password: PASSWORD, psk: PSK, reconnect_max: 2, ...more };
  return new Daemon(ns, "client", { "interface hq": keyed(more, section) });
}
export function server(ns: Ns, listen: string, more: Record<string, string | number> = {}): Daemon {
  const section = { listen, psk: PSK, pool: "10.99.0.10-10.99.0.99", local_ip: "10.99.0.1", dns: "10.99.0.1", ...more };
  const config: Config = { "server lns": keyed(more, section) };
  return new Daemon(ns, "server", { ...config, [`user ${USER}`]: { password: PASSWORD } });
}
/** `count` pings, `every` seconds, and not one of them lost. */
export async function pings(ns: Ns, to: string, count = 10, every = 0.1): Promise<void> {
  // The guest's pppd may say yes to IPCP a moment before its interface is there.
  await until(`${to} answers`, 5000, async () => (await ns.ping(to, 1)).received === 1);
  const p = await ns.ping(to, count, every);
  assert.equal(p.received, p.sent, `ping ${to}`);
}
