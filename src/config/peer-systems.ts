// Every system that somebody may have on the other side of a tunnel, and how it is told. Only what our sections know is
// in the texts. Facts of Windows, RouterOS, Android and Apple are their makers' documentation's, those of
// NetworkManager-l2tp its service's.
import type { Rng } from "../core/rng.ts";
import type { Secret } from "../core/secret.ts";
import { fromUtf8, utf8 } from "../core/text.ts";
import { base64 } from "../x509/pem.ts";
import { AUTH_METHODS } from "./common.ts";
import { mobileConfig } from "./mobileconfig.ts";
import { keyfile, powershell, routeros } from "./quoting.ts";
import type { ClientConfig, ServerConfig } from "./schema.ts";
import { shellWord } from "./write.ts";

export interface Facts<T> {
  /** Of the server's section, or of the interface. */
  readonly name: string;
  /** Of the server. */
  readonly address: string;
  readonly user: string;
  readonly password: string;
  /** "": there is none. */
  readonly psk: string;
  readonly options: T;
  /** Methods of authentication that both sides have, by the system's names for them. */
  readonly auth: readonly string[];
  /** Networks on our side. */
  readonly routes: readonly string[];
  /** The server is behind a NAT. */
  readonly natted: boolean;
}
/** What to type; `content`: of a file, where that is not the text. */
export type Told = string | { readonly text: string; readonly content: string };
export interface System {
  readonly title: string;
  /** How its file's name ends. */
  readonly file: string;
  /** Of what some servers ask for (peer.ts). */
  readonly can: readonly string[];
  readonly auth: Readonly<Partial<Record<(typeof AUTH_METHODS)[number], string>>>;
  /** As client of a server of ours. Throws PeerRefused. */
  calls(f: Facts<ServerConfig>, rng: Rng): Told;
  /** As server of a link of ours. */
  answers?(f: Facts<ClientConfig>): Told;
}
/** Why not, in a sentence. */
export class PeerRefused extends Error {}

export const plain = (s: Secret | null): string => s?.use(fromUtf8) ?? "";
/** "" stands for no line. */
const lines = (...all: readonly string[]): string => all.map((l) => l && `${l}\n`).join("");
const whence = (user: string): string => `l2tpsec cert user, on the server, makes ${user}.p12`;

function windows({ name, address, user, password, psk, auth, routes, natted }: Facts<ServerConfig>): string {
  const p12 = powershell(`${user}.p12`);
  return lines(
    "# Windows 10 and 11, in PowerShell. It asks for these when it first connects:",
    `#   user name: ${user}`,
    `#   password:  ${password}`,
    psk === ""
      ? `# As administrator, for certificates (${whence(user)}):
Import-PfxCertificate ${p12} Cert:\\LocalMachine\\My -Password (Read-Host -AsSecureString)
Import-Certificate ca.pem Cert:\\LocalMachine\\Root`
      : "",
    `Add-VpnConnection -Name ${powershell(name)} -ServerAddress ${powershell(address)} -TunnelType L2tp ` +
      (psk && `-L2tpPsk ${powershell(psk)} `) +
      `-AuthenticationMethod ${auth.join(",")} -EncryptionLevel ${auth.includes("Pap") ? "Optional" : "Required"} ` +
      `-RememberCredential -Force${routes.length > 0 ? " -SplitTunneling" : ""}`,
    ...routes.map((r) => `Add-VpnConnectionRoute ${powershell(name)} ${powershell(r)}`),
    `# ${natted ? "The server is" : "Only when the server is"} behind a NAT; as administrator, then restart Windows:`,
    `${natted ? "" : "#"}Set-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Services\\PolicyAgent' ` +
      "AssumeUDPEncapsulationContextOnSendRule 2 -Type DWord",
  );
}

function apple(title: string, where: string): System {
  return {
    title,
    file: "mobileconfig",
    can: ["cert"],
    auth: PPP,
    calls({ address: server, user, password, psk, routes }, rng) {
      if (psk === "")
        throw new PeerRefused(`certificates: l2tpsec cert user ${user} --server ${server} makes a profile`);
      const all = routes.length === 0;
      const text = lines(
        `${title}: open the profile (.mobileconfig), or type it in at ${where}, VPN, Add, L2TP:`,
        `  Server: ${server}`,
        `  Account: ${user}`,
        `  Password: ${password}`,
        `  Secret: ${psk}`,
        `  Send all traffic: ${all ? "on" : "off; such a profile has no routes"}`,
      );
      return { text, content: mobileConfig({ server, user, password, all, key: { psk } }, rng) };
    },
  };
}

function android({ name, address, user, password, psk, options, routes }: Facts<ServerConfig>): string {
  return lines(
    "Android up to 11 (later ones have no L2TP): Settings, Network & internet, VPN, Add:",
    `  Name: ${name}`,
    `  Type: L2TP/IPSec ${psk === "" ? "RSA" : "PSK"}`,
    `  Server address: ${address}`,
    `  L2TP secret: ${plain(options.tunnel_secret) || "(not used)"}`,
    psk === ""
      ? `  IPSec user certificate, IPSec CA certificate: of ${user}.p12, which Android installs (${whence(user)})`
      : `  IPSec identifier: (not used)\n  IPSec pre-shared key: ${psk}`,
    routes.length > 0 ? `  Advanced options, Forwarding routes: ${routes.join(" ")}` : "",
    `  Username: ${user}`,
    `  Password: ${password}`,
    "Some know MODP1024 alone. When the server says no-proposal: ike_proposals = default aes256-sha1-modp1024",
  );
}

/** Inside the tunnel, where a link's section says nothing: a network that hardly anybody has. */
const SUGGESTED = { local_ip: "10.99.0.1", pool: ["10.99.0.10-10.99.0.200"] };
const SUGGESTION =
  "Its addresses inside the tunnel are a suggestion; the firewall must let in UDP 500, UDP 4500 and ESP.";

function mikrotikClient({ name, address, user, password, psk, options, auth, routes }: Facts<ServerConfig>): string {
  const gateway = `gateway=${routeros(name)}`;
  return lines(
    "# RouterOS, in a terminal",
    `/interface l2tp-client add name=${routeros(name)} connect-to=${address} user=${routeros(user)} ` +
      `password=${routeros(password)} use-ipsec=${psk === "" ? "no" : `yes ipsec-secret=${routeros(psk)}`} ` +
      `allow=${auth.join(",")} profile=${options.mppe === "no" ? "default" : "default-encryption"} ` +
      "add-default-route=no disabled=no",
    ...routes.map((r) => `/${r.includes(":") ? "ipv6" : "ip"} route add dst-address=${r} ${gateway}`),
    routes.length === 0 ? `#/ip route add dst-address=NETWORK ${gateway}` : "",
  );
}
function mikrotikServer({ user, password, psk, routes }: Facts<ClientConfig>): string {
  return lines(
    `# RouterOS, in a terminal. ${SUGGESTION}`,
    `/interface l2tp-server server set enabled=yes authentication=mschap2 ` +
      `use-ipsec=${psk === "" ? "no" : `required ipsec-secret=${routeros(psk)}`}`,
    `/ppp secret add name=${routeros(user)} password=${routeros(password)} service=l2tp ` +
      `local-address=${SUGGESTED.local_ip} remote-address=10.99.0.10` +
      (routes.length === 0 ? "" : ` routes="${routes.join(",")}"`),
  );
}

type UciValues = Readonly<Record<string, string | readonly string[] | false>>;
/** Commands for `uci batch`, which reads them from its standard input: no process has secrets in its arguments. */
function uciBatch(comments: readonly string[], file: string, sections: Readonly<Record<string, UciValues>>): string {
  const body = Object.entries(sections).flatMap(([name, values]) =>
    Object.entries(values).flatMap(([option, value]) => {
      const list = typeof value === "string" ? [value] : value || [];
      const command = `${typeof value === "string" ? "set" : "add_list"} ${file}.${name}${option && "."}${option}=`;
      return list.map((v) => v && command + shellWord(v));
    }),
  );
  return lines(...comments.map((c) => c && `# ${c}`), "uci batch <<'END'", ...body, `commit ${file}`, "END");
}
const uciName = (name: string): string => name.replace(/[^A-Za-z0-9_]/g, "_");

/** What both sides must have alike, and the files of `file` and its CA instead of a key. */
function alike({ options: o, psk }: Facts<ServerConfig | ClientConfig>, file: string, ca: string): UciValues {
  const texts = (list: readonly ("default" | { readonly text: string })[] | null): readonly string[] =>
    (list ?? []).map((p) => (p === "default" ? p : p.text));
  const cert = psk === "" && o.cert !== null;
  const path = (end: string): string | false => cert && `/etc/l2tpsec/${end}`;
  return {
    psk,
    cert: path(`${file}.pem`),
    key: path(`${file}.key`),
    ca: path(`${ca}.pem`),
    ipsec: o.ipsec === "off" && "off",
    ike: o.ppk !== null ? "v2" : o.ike !== "auto" && o.ike,
    ppk: plain(o.ppk),
    ppk_id: o.ppk !== null && o.ppk_id,
    tunnel_secret: plain(o.tunnel_secret),
    ike_proposals: texts(o.ike_proposals),
    esp_proposals: texts(o.esp_proposals),
    mppe: o.mppe !== "no" && o.mppe,
  };
}
function openwrtClient(f: Facts<ServerConfig>): string {
  const { user, psk, options, auth, routes } = f;
  const pap = auth[0] === "pap" && auth.every((m) => m === "pap" || m === "eap");
  const section = {
    ...{ "": "interface", proto: "l2tpsec", server: [f.address], username: user, password: f.password },
    ...alike(f, user, `${user}-ca`),
    refuse_pap: pap && "0",
    refuse_eap: auth.every((m) => m === "eap") && "0",
    allow_pap_in_clear: pap && options.ipsec === "off" && "1",
    ipv6: options.ipv6 && "yes",
    defaultroute: "0",
    routes,
  };
  const p12 = shellWord(`${user}.p12`);
  const comments = [
    "OpenWrt with l2tpsec, in a shell; then: service network reload",
    psk === "" && options.cert !== null ? `${whence(user)}; here: l2tpsec cert import ${p12} ${shellWord(user)}` : "",
    routes.length === 0 ? "Networks behind the server: list routes; everything: defaultroute '1'" : "",
  ];
  return uciBatch(comments, "network", { [uciName(f.name)]: section });
}
function openwrtServer(f: Facts<ClientConfig>): string {
  const { user, psk, options, routes } = f;
  const comments = [
    `OpenWrt with l2tpsec, in a shell; then: l2tpsec reload. ${SUGGESTION}`,
    psk === "" && options.cert !== null ? `Certificates: l2tpsec cert ca NAME; l2tpsec cert server ${f.address}` : "",
  ];
  return uciBatch(comments, "l2tpsec", {
    lns: { "": "server", ...alike(f, f.address, "ca"), ...SUGGESTED, ipv6: options.ipv6 !== "no" && "1" },
    [uciName(user)]: { "": "user", username: user, password: f.password, routes },
  });
}

function networkManager({ name, address, user, password, psk, options, auth, routes }: Facts<ServerConfig>): string {
  if (/["\\]/.test(user)) throw new PeerRefused("NetworkManager-l2tp takes no user name with a quote or a backslash");
  const own = (end: string): string => keyfile(`/etc/NetworkManager/l2tpsec/${end}`);
  const family = (six: boolean): string =>
    `[ipv${six ? 6 : 4}]\nmethod=${six && !options.ipv6 ? "disabled" : "auto"}\n` +
    (routes.length > 0 ? "never-default=true\n" : "") +
    lines(...routes.filter((r) => r.includes(":") === six).map((r, i) => `route${i + 1}=${r}`));
  return lines(
    "# NetworkManager-l2tp. As root: /etc/NetworkManager/system-connections/NAME.nmconnection, mode 0600; then:",
    "# nmcli connection load that file",
    `[connection]\nid=${keyfile(name)}\ntype=vpn\nautoconnect=false\n`,
    `[vpn]\nservice-type=org.freedesktop.NetworkManager.l2tp\ngateway=${address}\nuser=${keyfile(user)}`,
    "password-flags=0",
    ...AUTH_METHODS.filter((m) => !auth.includes(m)).map((m) => `refuse-${m}=yes`),
    options.mppe === "no" ? "" : "require-mppe-128=yes",
    options.ipsec === "off" ? "" : `ipsec-enabled=yes\nmachine-auth-type=${psk === "" ? "tls" : "psk"}`,
    psk === "" && options.cert !== null
      ? `machine-ca=${own("ca.pem")}\nmachine-cert=${own(`${user}.pem`)}\nmachine-key=${own(`${user}.key`)}`
      : "",
    `${psk && "ipsec-psk-flags=0\n"}\n[vpn-secrets]\npassword=${keyfile(password)}`,
    // Its own sign for base64: a key that begins so would be taken for it.
    psk && `ipsec-psk=${psk.startsWith("0s") ? `0s${base64(utf8(psk))}` : keyfile(psk)}`,
    `\n${family(false)}\n${family(true)}`,
  );
}

const PPP = { mschapv2: "MSChapv2", chap: "Chap", pap: "Pap" };
/** By our own names. */
const OURS = Object.fromEntries(AUTH_METHODS.map((m) => [m, m]));
export const SYSTEMS: Readonly<Record<string, System>> = {
  windows: { title: "Windows", file: "ps1", can: ["cert"], auth: PPP, calls: windows },
  macos: apple("macOS", "System Settings"),
  ios: apple("iOS", "Settings, General"),
  android: { title: "Android", file: "txt", can: ["cert", "secret"], auth: PPP, calls: android },
  mikrotik: {
    title: "RouterOS",
    file: "rsc",
    can: ["clear", "mppe"],
    auth: { mschapv2: "mschap2", chap: "chap", mschap: "mschap1", pap: "pap" },
    calls: mikrotikClient,
    answers: mikrotikServer,
  },
  openwrt: {
    title: "OpenWrt",
    file: "sh",
    can: ["clear", "cert", "secret", "v2", "mppe"],
    auth: OURS,
    calls: openwrtClient,
    answers: openwrtServer,
  },
  networkmanager: {
    title: "NetworkManager",
    file: "nmconnection",
    can: ["clear", "cert", "mppe"],
    auth: OURS,
    calls: networkManager,
  },
};
