// The topologies of the tests, and the configurations that go with them.
//
//   two(lab):    a (203.0.113.2) ---------- b (203.0.113.1)
// three(lab): a (198.51.100.2) -- mid -- b (203.0.113.1) mid routes; it may lose packets, or be a NAT either way
//   lan(...):    a LAN host 10.N.0.2 behind a router's 10.N.0.1
import { type Config, Daemon, type Section } from "./daemon.ts";
import type { Lab, Ns } from "./harness.ts";

export const PSK = "swordfish-4711";
export const PASSWORD = "correct horse 99";
export const A = "198.51.100.2";
export const B = "203.0.113.1";

export async function two(lab: Lab): Promise<{ a: Ns; b: Ns }> {
  const [a, b] = await Promise.all([lab.ns("a"), lab.ns("b")]);
  await a.link("wan", "203.0.113.2/24", b, "wan", `${B}/24`);
  return { a, b };
}

export async function three(lab: Lab): Promise<{ a: Ns; mid: Ns; b: Ns }> {
  const [a, mid, b] = await Promise.all([lab.ns("a"), lab.ns("mid"), lab.ns("b")]);
  await a.link("wan", `${A}/24`, mid, "left", "198.51.100.1/24");
  await b.link("wan", `${B}/24`, mid, "right", "203.0.113.254/24");
  await a.route("default", "198.51.100.1");
  await b.route("default", "203.0.113.254");
  return { a, mid, b };
}

/** A host with the address 10.`net`.0.2 behind `router`. */
export async function lan(lab: Lab, router: Ns, net: number): Promise<Ns> {
  const host = await lab.ns(`host${net}`);
  await router.link("lan", `10.${net}.0.1/24`, host, "eth0", `10.${net}.0.2/24`);
  await host.route("default", `10.${net}.0.1`);
  return host;
}

export function clientSection(more: Section = {}): Section {
  return {
    proto: "l2tpsec",
    server: B,
    username: "branch1",
    password: PASSWORD,
    psk: PSK,
    reconnect_min: 1,
    reconnect_max: 2,
    ...more,
  };
}
export function clientConfig(more: Section = {}): Config {
  return { "interface hq": clientSection(more) };
}
export function serverConfig(more: Section = {}, users: Config = {}): Config {
  return {
    "server lns": {
      listen: B,
      psk: PSK,
      pool: "10.99.0.100-10.99.0.200",
      local_ip: "10.99.0.1",
      dns: "10.99.0.1",
      ...more,
    },
    "user branch1": { password: PASSWORD, ip: "10.99.0.10" },
    ...users,
  };
}
/** Sets options to undefined by leaving them out. */
export function without(section: Section, ...keys: string[]): Section {
  return Object.fromEntries(Object.entries(section).filter(([k]) => !keys.includes(k)));
}

/** A server in `b`, ready; and a client in `a`, not started. */
export async function pair(
  a: Ns,
  b: Ns,
  client: Config = clientConfig(),
  server: Config = serverConfig(),
): Promise<{ client: Daemon; server: Daemon }> {
  const d = { client: new Daemon(a, "client", client), server: new Daemon(b, "server", server) };
  await d.server.start();
  return d;
}

/** Everything but ESP and IKE (and what keeps a network alive): must never be seen where IPsec is required. */
export const NOT_PROTECTED = "not (ip proto 50 or udp port 500 or udp port 4500 or arp or icmp or ip6)";
export const CLEAR_L2TP = "udp port 1701";
