// openvpn and wireguard-go between the same two namespaces, with keys made on the spot. Each answers with the address
// to measure to.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmdirSync } from "node:fs";
import { type Ns, sh, until } from "../net/harness.ts";
import { B } from "../net/sites.ts";

/** Each side on a core of its own. */
export const CORE = { a: "0", b: "1" } as const;

async function reaches(a: Ns, address: string): Promise<void> {
  await until(`ping ${address}`, 15_000, async () => (await a.ping(address, 1)).received === 1);
}

/** TLS with self-signed certificates that know each other's fingerprint; UDP, no kernel offload. `wrap` starts it. */
export async function openvpn(a: Ns, b: Ns, cipher = "AES-256-GCM", wrap: readonly string[] = []): Promise<string> {
  const dir = a.lab.dir;
  const fingerprints = await sh(`
    cd '${dir}'
    for n in a b; do
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=$n \\
        -keyout ovpn-$n.key -out ovpn-$n.crt 2>/dev/null
      openssl x509 -in ovpn-$n.crt -noout -fingerprint -sha256 | cut -d= -f2
    done`);
  const [printA = "", printB = ""] = fingerprints.trim().split("\n");
  const side = (ns: Ns, me: "a" | "b", peer: string, more: string[]) =>
    ns.spawn(
      "taskset",
      ...[
        "-c",
        CORE[me],
        ...wrap,
        "openvpn",
        "--dev",
        "tun",
        "--proto",
        "udp4",
        "--cert",
        `${dir}/ovpn-${me}.crt`,
        "--key",
        `${dir}/ovpn-${me}.key`,
      ],
      ...[
        "--peer-fingerprint",
        peer,
        "--data-ciphers",
        cipher,
        "--cipher",
        cipher,
        "--disable-dco",
        "--verb",
        "1",
        ...more,
      ],
    );
  side(b, "b", printA, [
    "--tls-server",
    "--dh",
    "none",
    "--local",
    B,
    "--port",
    "1194",
    "--ifconfig",
    "10.8.0.1",
    "10.8.0.2",
  ]);
  side(a, "a", printB, ["--tls-client", "--remote", B, "1194", "--nobind", "--ifconfig", "10.8.0.2", "10.8.0.1"]);
  await reaches(a, "10.8.0.1");
  return "10.8.0.1";
}

/** Today's, where it can be had; else the machine's. */
function wireguardGo(): string {
  const r = spawnSync("sh", ["scripts/rivals"], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  return r.status === 0 ? r.stdout.trim() : "wireguard-go";
}

export async function wireguard(a: Ns, b: Ns): Promise<string> {
  const program = wireguardGo();
  const dir = a.lab.dir;
  const sockets = "/var/run/wireguard";
  const had = existsSync(sockets);
  // control sockets are named by the interface, in one place for all namespaces
  const names = { a: `wga${process.pid}`, b: `wgb${process.pid}` };
  await sh(`cd '${dir}'; umask 077; for n in a b; do wg genkey >wg-$n.key; wg pubkey <wg-$n.key >wg-$n.pub; done`);
  const key = (n: string) => readFileSync(`${dir}/wg-${n}.pub`, "utf8").trim();
  for (const [ns, me] of [
    [a, "a"],
    [b, "b"],
  ] as const) {
    const p = ns.spawn("taskset", "-c", CORE[me], program, "-f", names[me]);
    await until("wireguard-go", 5000, () => {
      if (!p.running) throw new Error(p.output);
      return existsSync(`${sockets}/${names[me]}.sock`);
    });
    await ns.must(
      "wg",
      "set",
      names[me],
      "private-key",
      `${dir}/wg-${me}.key`,
      ...(me === "b" ? ["listen-port", "51820"] : []),
    );
    await ns.must("ip", "addr", "add", me === "a" ? "10.9.0.2/24" : "10.9.0.1/24", "dev", names[me]);
    await ns.must("ip", "link", "set", "dev", names[me], "up");
  }
  await a.must("wg", "set", names.a, "peer", key("b"), "endpoint", `${B}:51820`, "allowed-ips", "10.9.0.0/24");
  await b.must("wg", "set", names.b, "peer", key("a"), "allowed-ips", "10.9.0.0/24");
  await reaches(a, "10.9.0.1");
  process.once("exit", () => {
    try {
      if (!had) rmdirSync(sockets);
    } catch {
      // somebody else's sockets are in it
    }
  });
  return "10.9.0.1";
}
