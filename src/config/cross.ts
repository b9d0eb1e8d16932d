// Checks across options and sections: combinations that contradict one another.

import { someFree } from "../core/daytime.ts";
import { isIke1 } from "../ike/proposals.ts";
import { parseChat } from "../modem/chat.ts";
import type { SerialConfig } from "./nasdial.ts";
import type { ClientConfig, Config, InterfaceConfig, RadiusConfig, ServerConfig, UserConfig } from "./schema.ts";
import { type Fault, faultOf, type Section } from "./section.ts";

/** The option whose proposals are all for what IKEv1 does not have; null: there is none. */
export function onlyIkev2(
  c: Pick<ClientConfig | ServerConfig, "ike_proposals" | "esp_proposals">,
): "ike_proposals" | "esp_proposals" | null {
  if (c.ike_proposals?.every((p) => p !== "default" && !isIke1(p))) return "ike_proposals";
  return c.esp_proposals?.every((p) => p !== "default" && p.addKe) ? "esp_proposals" : null;
}

/** The netdev of a link: `ifname`, else l2tps-NAME (tunnel) or nas-NAME (serial line). */
export function deviceName(c: {
  readonly name: string;
  readonly ifname: string | null;
  readonly proto?: string;
}): string {
  return c.ifname ?? `${c.proto === "nasdial" ? "nas" : "l2tps"}-${c.name}`;
}

/** Whether a section's L2TP goes through IPsec; cross-checked, so that null cannot be mistaken for "off". */
export function needsIpsec(c: Pick<ClientConfig | ServerConfig, "psk" | "ipsec">): boolean {
  return c.ipsec !== "off";
}

/**
 * The option settings that would permit PAP, as text; null: PAP is permitted. Outside ESP it also needs
 * allow_pap_in_clear.
 */
export function papRefusal(
  c:
    | Pick<ClientConfig, "proto" | "psk" | "ipsec" | "refuse_pap" | "allow_pap_in_clear">
    | Pick<SerialConfig, "proto" | "refuse_pap" | "allow_pap_in_clear">,
): string | null {
  const missing = c.refuse_pap ? ["refuse_pap = no"] : [];
  const clear = c.proto === "nasdial" || !needsIpsec(c);
  if (clear && !c.allow_pap_in_clear) missing.push("allow_pap_in_clear = yes");
  return missing.length === 0 ? null : missing.join(" and ");
}

/** The prefixes of a link's default route. */
export function defaultRoutes(c: Pick<InterfaceConfig, "defaultroute" | "ipv6">): readonly string[] {
  if (!c.defaultroute) return [];
  return c.ipv6 === "no" ? ["0.0.0.0/0"] : ["0.0.0.0/0", "::/0"];
}
/**
 * Networks that may be reached only through the link, even while it is down, and never in the clear. /0: everything a
 * default route carries.
 */
export function guarded(
  c: Pick<ClientConfig, "proto" | "psk" | "ipsec" | "routes" | "killswitch"> | Pick<SerialConfig, "proto">,
): readonly string[] {
  if (c.proto === "nasdial" || !needsIpsec(c) || c.killswitch === "off") return [];
  return [...(c.routes ?? []), ...(c.killswitch === "all" ? ["0.0.0.0/0", "::/0"] : [])];
}

/** The RADIUS servers of a server section, in their order; none where it asks none. */
export function radiusOf(c: ServerConfig, all: readonly RadiusConfig[]): readonly RadiusConfig[] {
  if (!c.users.includes("radius")) return [];
  return c.radius === null ? all : c.radius.flatMap((name) => all.find((r) => r.name === name) ?? []);
}

/** Reports a fault in an option of one section. */
type Fail = (option: string, why: string, allowed?: string) => void;

export function crossCheck(config: Config, sections: readonly Section[], faults: Fault[], warnings: string[]): void {
  const fault = (type: string, name: string, option: string, why: string, allowed?: string): void => {
    const s = sections.find((x) => x.type === type && x.name === name);
    if (s) faults.push(faultOf(s, option, why, allowed));
  };
  const warn = (type: string, name: string, text: string): void => {
    warnings.push(`${sections.find((x) => x.type === type && x.name === name)?.path ?? `${type} ${name}`}: ${text}`);
  };
  const names = new Map<string, string>();
  const devices = new Map<string, string>();
  const links = [
    ...config.interfaces.map((c) => ["interface", c] as const),
    ...config.servers.map((c) => ["server", c] as const),
  ];
  for (const [type, c] of links) {
    const fail: Fail = (option, why, allowed) => fault(type, c.name, option, why, allowed);
    const told = (text: string): void => warn(type, c.name, text);
    const other = names.get(c.name);
    if (other !== undefined)
      fail("", `an ${other} section has the same name; status and commands could not tell them apart`);
    names.set(c.name, type);
    crossDevice(c, devices, fail);
    if ("server" in c) crossClient(c, fail);
    else if ("device" in c) crossSerial(c, config, fail);
    if ("proto" in c) crossBackup(c, config, fail);
    if ("psk" in c) crossTunnel(c, fail, told);
    if ("ike_mode" in c && c.ike_mode === "aggressive" && "server" in c && (c.ike === "v2" || c.ppk))
      fail("ike_mode", "is aggressive, which IKEv2 does not have", "ike = v1, or ike_mode = main");
    if ("ike_mode" in c && c.ike_mode === "aggressive")
      told("ike_mode: aggressive mode shows both identities, and a hash of the key that can be guessed offline");
    if (!("server" in c) && !("role" in c && c.role === "dial")) crossPap(c, fail, (text) => told(`auth: ${text}`));
  }
  crossServers(config, fault);
}

function crossDevice(c: Parameters<typeof deviceName>[0], devices: Map<string, string>, fail: Fail): void {
  const dev = deviceName(c);
  const owner = devices.get(dev);
  if (dev.length > 15)
    fail(
      "ifname",
      `the netdev would be called ${dev}, longer than the kernel's limit of 15 characters: set a shorter ifname`,
    );
  if (owner !== undefined) fail("ifname", `${dev} is already the netdev of ${owner}`);
  devices.set(dev, c.name);
}

/** Options of tunnels, client or server. */
function crossTunnel(c: ClientConfig | ServerConfig, fail: Fail, warn: (text: string) => void): void {
  const files = [c.cert, c.key, c.ca, c.crl].some((f) => f !== null);
  if (c.psk === null && !files && c.ipsec !== "off") {
    const allowed = "a pre-shared key; cert, key and ca; or ipsec = off to send L2TP in the clear on purpose";
    fail("psk", "is missing: without a key there is no IPsec", allowed);
  }
  if (files) crossFiles(c, fail);
  if (c.psk !== null && c.ipsec === "off") {
    const allowed = "a psk for IPsec, or ipsec = off without one to send L2TP in the clear on purpose";
    fail("ipsec", "is off, but psk is set: the two contradict each other", allowed);
  }
  const only = onlyIkev2(c);
  if (only && (c.ike === "v1" || c.ike_mode === "aggressive")) {
    const allowed = "ike = v2, or one such as aes256-sha256-modp2048";
    fail(only, "names only what IKEv1 does not have: AES-GCM, ChaCha20-Poly1305 or additional key exchanges", allowed);
  }
  if (c.ppk && c.ike === "v1") fail("ppk", "is for IKEv2, and ike is v1", "ike = v2, or no ppk");
  if (c.ipsec === "off") warn("ipsec = off: the provider's network carries this tunnel in the clear");
  if (c.hide_avps && c.tunnel_secret === null)
    fail("hide_avps", "is yes, but there is no secret to hide AVPs with", "a tunnel_secret, or hide_avps = no");
}

/** Options of IKE by certificates. */
function crossFiles(c: ClientConfig | ServerConfig, fail: Fail): void {
  for (const option of ["cert", "key", "ca"] as const)
    if (c[option] === null) fail(option, "is missing: certificates need cert, key and ca", "a file in PEM");
  if ("server" in c && c.psk !== null)
    fail("psk", "is set, but so is cert: a client authenticates with one of them", "psk, or cert, key and ca");
  if (c.ipsec === "off")
    fail(
      "ipsec",
      "is off, but cert is set: the two contradict each other",
      "ipsec = off without cert, key, ca and crl",
    );
}

/** Options of links that this side initiates. */
function crossInterface(c: InterfaceConfig, fail: Fail): void {
  if (c.reconnect_min > c.reconnect_max) fail("reconnect_min", `is longer than reconnect_max (${c.reconnect_max})`);
  if (c.username === null && c.password !== null) fail("username", "is missing: password is set, but there is no user");
  if (c.new_password !== null && c.password === null) fail("new_password", "has no password whose place it could take");
  if (c.username !== null && c.password === null && c.eap_cert === null)
    fail("password", "is missing: username is set, but there is no password");
  crossEap(c, fail);
  crossRoutes(c, fail);
  crossAuth(c, fail);
}
function crossClient(c: ClientConfig, fail: Fail): void {
  crossInterface(c, fail);
  if (c.killswitch !== "all") return;
  if (!c.defaultroute) {
    const allowed = "defaultroute = yes, or killswitch = routes";
    fail("killswitch", "is all, but the link has no default route: all traffic would be blocked for good", allowed);
  }
  if (c.ipsec === "off") fail("killswitch", "is all, but with ipsec = off the link protects nothing", "routes | off");
}

/** Whether the other link, which it is a backup for, is one of ours that this side brings up. */
function crossBackup(c: InterfaceConfig, config: Config, fault: Fail): void {
  const { fallback_for: main, name } = c;
  if (main === null) return;
  const fail = (why: string, allowed?: string): void => fault("fallback_for", why, allowed);
  const calls = (x: InterfaceConfig): boolean => !("role" in x && x.role === "answer");
  const others = config.interfaces.filter((x) => x !== c && calls(x));
  if (!calls(c)) return fail("is set, but role = answer dials nothing");
  if ("demand" in c && c.demand)
    fault("demand", "is yes, but a backup has neither netdev nor routes while it waits", "demand = no");
  if (main === name) return fail("is this interface itself");
  if (config.servers.some((s) => s.name === main) || config.interfaces.some((x) => x.name === main && !calls(x)))
    return fail(`${main} waits for callers: it is no link that this side brings up`);
  const known = others.some((x) => x.name === main) || config.broken.has(main) || config.disabled.includes(main);
  if (!known) return fail(`there is no interface ${main}`, others.map((x) => x.name).join(" | ") || undefined);
  const way = [name];
  for (let at: string | null = main; at !== null && way.length <= config.interfaces.length; ) {
    way.push(at);
    if (at === name) return fail(`is a circle, in which each waits for the next: ${way.join(", ")}`);
    const next: string = at;
    at = config.interfaces.find((x) => x.name === next)?.fallback_for ?? null;
  }
}

function crossRoutes(c: Pick<InterfaceConfig, "routes" | "ipv6">, fault: Fail): void {
  const six = c.routes?.find((r) => r.includes(":"));
  if (six !== undefined && c.ipv6 === "no")
    fault("routes", `${six} is an IPv6 network, and ipv6 is no`, "ipv6 = yes, or IPv4 networks only");
}

function crossEap(
  c: Pick<InterfaceConfig, "username" | "eap_ca" | "eap_cert" | "eap_key" | "eap_server_name">,
  fault: Fail,
): void {
  if (c.eap_ca === null && c.eap_cert === null && c.eap_key === null && c.eap_server_name === null) return;
  for (const option of ["eap_ca", "eap_cert", "eap_key"] as const) {
    if (c[option] === null) fault(option, "is missing: EAP-TLS needs eap_ca, eap_cert and eap_key", "a file in PEM");
  }
  const allowed = "the name or address in the server's certificate, or any to accept every server of that CA";
  if (c.eap_server_name === null)
    fault(
      "eap_server_name",
      "is missing: without it, anybody with a server certificate of that CA could pose as the server",
      allowed,
    );
  // OpenSSL would accept every host below it.
  else if (c.eap_server_name.startsWith("."))
    fault("eap_server_name", "begins with a dot and is not the name of a server", allowed);
  if (c.username === null) fault("username", "is missing: EAP-TLS needs a user name as its identity");
}

/** Whether a server or an answering line offers PAP to its callers: outside ESP that needs allow_pap_in_clear. */
export function asksForPap(c: ServerConfig | SerialConfig): boolean {
  const inside = "pool" in c && needsIpsec(c);
  return c.auth.includes("pap") && (inside || c.allow_pap_in_clear);
}
function crossPap(c: ServerConfig | SerialConfig, fault: Fail, warn: (text: string) => void): void {
  if (!c.auth.includes("pap") || asksForPap(c)) return;
  const why = "pap shows passwords to everybody on the path";
  if (c.auth.length === 1) fault("auth", `has only pap, and ${why}`, "allow_pap_in_clear = yes, or another method");
  else warn(`${why}: it is not offered without allow_pap_in_clear = yes`);
}

function crossAuth(c: InterfaceConfig, fault: Fail): void {
  if (c.eap_cert !== null) return;
  const pap = papRefusal(c);
  const clear = c.proto === "nasdial" ? c.role === "dial" : !needsIpsec(c);
  if (clear && c.allow_pap_in_clear && c.refuse_pap)
    fault("allow_pap_in_clear", "is yes, but refuse_pap is yes", "refuse_pap = no as well");
  if (pap !== null && c.refuse_chap && c.refuse_mschapv2)
    fault("refuse_mschapv2", "every authentication method is refused: allow one", `no, or ${pap} for PAP`);
}

function crossSerial(c: SerialConfig, config: Config, fault: Fail): void {
  const answers = c.role === "answer";
  const dials = !answers && c.line === "modem";
  if (dials && c.phone === null)
    fault("phone", "is missing: there is nothing to dial", "a number, or line = direct for a null-modem cable");
  if (!dials && c.phone !== null)
    fault("phone", `is set, but ${answers ? "role = answer" : "line = direct"} dials nothing`);
  if (c.login === "windows" && (c.line !== "direct" || answers))
    fault("login", "windows is for line = direct with role = dial", "auto | none");
  if (answers && c.demand) fault("demand", "is yes, but role = answer dials nothing");
  if (c.hold && !someFree(c.hold)) fault("hold", "leaves no time of the day to connect");
  if (answers && c.local_ip === null) fault("local_ip", "is missing: the caller needs to know this side's address");
  if (answers && config.users.some((u) => u.ip === null) && c.remote_ip === null)
    fault("remote_ip", "is missing: some users have no ip of their own");
  crossInterface(c, fault);
  if (c.eap_cert !== null && answers) fault("eap_cert", "is set, but role = answer presents no certificate");
  const names = { phone: "", phone2: "", username: c.username ?? "", password: c.password };
  const script = c.chat === null ? [] : parseChat(c.chat, names);
  if (typeof script === "string") fault("chat", script);
  for (const d of config.interfaces)
    if (d !== c && "device" in d && d.device === c.device && d.name < c.name)
      fault("device", `interface ${d.name} has the same device`);
}

function crossRadius(s: ServerConfig, { radius, servers }: Config, fail: Fail): void {
  const asks = s.users.includes("radius");
  if (asks && radius.length === 0) fail("users", "has radius, but there is no radius section", "[radius NAME]");
  if (!asks && s.radius !== null) fail("radius", "is set, but users does not have radius", "users = local radius");
  for (const name of s.radius ?? [])
    if (!radius.some((r) => r.name === name))
      fail("radius", `there is no radius section ${name}`, radius.map((r) => r.name).join(" "));
  if (!asks) return;
  const before = servers.slice(0, servers.indexOf(s)).filter((o) => o.users.includes("radius"));
  const same = before.find((o) => o.nas_id === s.nas_id);
  // A server that begins says so to RADIUS, which then ends all sessions of that NAS.
  if (same) fail("nas_id", `server ${same.name} has the same: RADIUS could not tell their sessions apart`);
  const shared = before.find((o) => o.coa_port !== 0 && o.coa_port === s.coa_port);
  if (shared) fail("coa_port", `server ${shared.name} has the same port`);
}

function crossRadiusServer(r: RadiusConfig, fail: Fail): void {
  const files = ["tls_ca", "tls_cert", "tls_key"] as const;
  if (!r.tls) {
    if (r.secret === null) fail("secret", "is missing", "1 to 255 characters, or tls = yes");
    for (const option of [...files, "tls_name"] as const)
      if (r[option] !== null) fail(option, "is set, but tls is no", "tls = yes");
    return;
  }
  for (const option of files) if (r[option] === null) fail(option, "is missing: tls needs it", "a file in PEM");
  // OpenSSL would accept every host below it.
  if (r.tls_name?.startsWith(".")) fail("tls_name", "begins with a dot and is not the name of a server");
}

/** What a server gives its users of IPv6. */
function crossIpv6(s: ServerConfig, { users }: Config, fail: Fail): void {
  for (const option of ["ipv6_pool", "ipv6_delegate", "ipv6_dns"] as const)
    if (s[option] !== null && !s.ipv6) fail(option, "is set, but ipv6 is no", "ipv6 = yes");
  if (s.ipv6_pool !== null && bitsOf(s.ipv6_pool) > 64) fail("ipv6_pool", "is less than a /64", "a /64 or larger");
  const fixed = users.find((u) => (u.server ?? s.name) === s.name && ownPrefix(u) !== null);
  if (fixed && s.dataplane === "kernel")
    fail("dataplane", `is kernel, which does not tell user ${fixed.name} of ${ownPrefix(fixed)}`, "userspace");
}
function ownPrefix(u: UserConfig): string | null {
  return u.ipv6_prefix ?? u.ipv6_delegated_prefix;
}
function bitsOf(network: string): number {
  return Number(network.split("/")[1]);
}

function crossServers(
  config: Config,
  fault: (type: string, name: string, option: string, why: string, allowed?: string) => void,
): void {
  for (const [i, a] of config.servers.entries()) {
    for (const b of config.servers.slice(i + 1)) {
      if (a.listen === b.listen || a.listen === null || b.listen === null) {
        fault(
          "server",
          b.name,
          "listen",
          `server ${a.name} listens on the same address: their clients could not be told apart`,
          "one address each",
        );
      }
    }
  }
  for (const r of config.radius) crossRadiusServer(r, (...about) => fault("radius", r.name, ...about));
  for (const s of config.servers) {
    const fail: Fail = (...about) => fault("server", s.name, ...about);
    if (s.listen === "0.0.0.0" || s.listen === "::")
      fail("listen", "is no address of this machine", "one of its addresses; without the option it is every address");
    if (s.proxy_auth && s.tunnel_secret === null)
      fail("proxy_auth", "lets every LAC say who calls: set tunnel_secret, which only the provider's LACs have");
    crossRadius(s, config, fail);
    crossIpv6(s, config, fail);
  }
  const taken = new Map<string, string>(config.servers.map((s) => [s.local_ip, `server ${s.name}`]));
  for (const u of config.users) {
    if (u.server !== null && !config.servers.some((s) => s.name === u.server))
      fault(
        "user",
        u.name,
        "server",
        "there is no server section with this name",
        config.servers.map((s) => s.name).join(" | "),
      );
    if (u.ip !== null) {
      const owner = taken.get(u.ip);
      if (owner !== undefined) fault("user", u.name, "ip", `${u.ip} belongs to ${owner}`);
      taken.set(u.ip, `user ${u.name}`);
    }
    for (const s of config.servers)
      if (u.bridge !== null && (u.server ?? s.name) === s.name && (s.dataplane ?? "userspace") !== "userspace")
        fault("user", u.name, "bridge", `server ${s.name} may be in the kernel's data plane`, "dataplane = userspace");
    if (u.ipv6_prefix !== null && bitsOf(u.ipv6_prefix) !== 64) fault("user", u.name, "ipv6_prefix", "is not a /64");
    const six = u.routes?.find((r) => r.includes(":")) ?? ownPrefix(u) ?? undefined;
    const calls = [
      ...config.servers.filter((s) => (u.server ?? s.name) === s.name).map((s) => s.ipv6),
      ...config.interfaces.filter((l) => "role" in l && l.role === "answer").map((l) => l.ipv6 !== "no"),
    ];
    if (six !== undefined && calls.length > 0 && !calls.includes(true))
      fault(
        "user",
        u.name,
        u.routes?.includes(six) ? "routes" : "ipv6_prefix",
        `${six} is an IPv6 network, and the server has ipv6 = no`,
        "ipv6 = yes in the server section, or IPv4 networks only",
      );
    for (const s of config.servers) {
      if (u.ip === null && s.pool === null && (u.server ?? s.name) === s.name)
        fault(
          "user",
          u.name,
          "ip",
          `server ${s.name} has no pool, so this user would get no address`,
          "a fixed ip, or a pool in the server section",
        );
    }
  }
}
