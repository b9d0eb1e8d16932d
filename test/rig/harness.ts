// Peers that we did not write: a User-mode Linux guest (kernel ESP and L2TP, strongSwan, xl2tpd, pppd) on the far side
// of a tap device, and SoftEther VPN server, which runs on the host itself because it needs nothing of the kernel. And
// a guest in qemu, for what a newer kernel does otherwise.
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { build } from "esbuild";
import { CACHE, type Lab, type Ns, type Proc, run, sh, sleep, until } from "../net/harness.ts";
import { PASSWORD, PSK, USER } from "./peers.ts";

const HERE = `${process.cwd()}/test/rig`;
const UML = "/usr/bin/linux.uml";
/** scripts/test.mjs says which lane of files this is. */
const CPU = Number(process.env["LANE"] ?? 1) % availableParallelism();
export const GUEST_NEEDS = [
  "daemon",
  UML,
  "/usr/lib/ipsec/charon",
  "swanctl",
  "xl2tpd",
  "pppd",
  "socat",
  "taskset",
  "cc",
];
const QEMU = "qemu-system-x86_64";
/** scripts/guest-kernel made it. */
const NEWER = `${CACHE}/linux-6.12`;
export const NEWER_NEEDS = ["daemon", QEMU, `${NEWER}/initrd`, "socat", "cc", "nft"];
export const SOFTETHER = "/usr/libexec/softether/vpnserver/vpnserver";
export const SOFTETHER_NEEDS = ["daemon", SOFTETHER, "vpncmd", "unshare"];

const shims = new Map<string, Promise<string>>();
/**
 * A library for LD_PRELOAD, built once: uml-xstate lets UML run on CPUs with AMX, enter-netns lets a process change its
 * network namespace.
 */
export function shim(name: "uml-xstate" | "enter-netns"): Promise<string> {
  const built = shims.get(name) ?? buildShim(name);
  shims.set(name, built);
  return built;
}
async function buildShim(name: string): Promise<string> {
  const source = `${HERE}/${name}.c`;
  const built = `${CACHE}/${name}.so`;
  if (!existsSync(built) || statSync(built).mtimeMs < statSync(source).mtimeMs) {
    await sh(
      `cc -O2 -shared -fPIC -o '${built}.${process.pid}' '${source}' -ldl; mv '${built}.${process.pid}' '${built}'`,
    );
  }
  return built;
}

/** A tap device with our address, and what belongs to the guest behind it. */
async function place(
  ns: Ns,
  tap: string,
  ours: string,
  theirs: string,
): Promise<{ address: string; dir: string; mac: string }> {
  const address = theirs.replace(/\/.*/, "");
  const dir = `${ns.lab.dir}/guest-${tap}`;
  mkdirSync(dir);
  await sh(`
    ip netns exec ${ns.name} ip tuntap add ${tap} mode tap vnet_hdr
    ip -n ${ns.name} addr add ${ours} dev ${tap}
    ip -n ${ns.name} link set dev ${tap} up`);
  // a fixed address: with a new one after a restart, the neighbours' caches make the guest unreachable for 35 s
  const hex = (b: string): string => Number(b).toString(16).padStart(2, "0");
  return { address, dir, mac: address.split(".").map(hex).join(":") };
}

export class Guest {
  readonly address: string;
  readonly dir: string;
  readonly ns: Ns;
  readonly proc: Proc;
  constructor(ns: Ns, address: string, dir: string, proc: Proc) {
    this.ns = ns;
    this.address = address;
    this.dir = dir;
    this.proc = proc;
  }

  /**
   * Boots a guest whose only interface is the tap `tap`, made in `ns` with the address `ours`; `serial` is the pty
   * behind its /dev/ttyS0. About 1.5 s. Pinned to one CPU, another one for each lane of files: unpinned, the ptrace
   * ping-pong between CPUs makes each of its system calls eight times slower.
   */
  static async boot(ns: Ns, tap: string, ours: string, theirs: string, gateway = "", serial = ""): Promise<Guest> {
    const { address, dir, mac } = await place(ns, tap, ours, theirs);
    const proc = ns.lab.spawn(
      `guest ${tap}`,
      "ip",
      [
        ...["netns", "exec", ns.name, "taskset", "-c", String(CPU), UML, "mem=256M", `uml_dir=${dir}`, "umid=uml"],
        ...["root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "quiet", `init=${HERE}/guest-init.sh`],
        ...["con=null", "con0=null,fd:1", "ssl=null", ...(serial === "" ? [] : [`ssl0=tty:${serial}`])],
        ...[`vec0:transport=hybrid,ifname=${tap},depth=128,gro=1,mac=02:52:${mac}`],
        ...[`rig_ip=${theirs}`, `rig_gw=${gateway}`, `rig_share=${dir}`],
      ],
      { env: { LD_PRELOAD: await shim("uml-xstate"), UML_DIR: "" }, group: true },
    );
    return await new Guest(ns, address, dir, proc).#ready(30_000);
  }
  /** The same with Debian's 6.12 kernel in qemu, which emulates every instruction: about 20 s. */
  static async bootNewer(ns: Ns, tap: string, ours: string, theirs: string): Promise<Guest> {
    const { address, dir, mac } = await place(ns, tap, ours, theirs);
    const share = (id: string, path: string, more: string): string[] => [
      ...["-fsdev", `local,id=${id},path=${path},security_model=none${more}`],
      ...["-device", `virtio-9p-pci,fsdev=${id},mount_tag=${id}`],
    ];
    const words = [
      ...["console=ttyS0", "quiet", "panic=-1", `rig_init=${HERE}/guest-init.sh`, "rig_kind=qemu"],
      ...[`rig_modules=${NEWER}/lib/modules`, `rig_ip=${theirs}`],
    ];
    const proc = ns.lab.spawn(
      `guest ${tap}`,
      "ip",
      [
        ...["netns", "exec", ns.name, QEMU, "-accel", "tcg", "-cpu", "max", "-m", "512", "-nographic", "-no-reboot"],
        ...["-kernel", `${NEWER}/vmlinuz`, "-initrd", `${NEWER}/initrd`, "-append", words.join(" ")],
        ...share("host", "/", ",readonly=on,multidevs=remap"),
        ...share("share", dir, ""),
        ...["-nic", `tap,ifname=${tap},script=no,downscript=no,model=virtio-net-pci,mac=52:52:${mac}`],
      ],
      { group: true },
    );
    return await new Guest(ns, address, dir, proc).#ready(120_000);
  }
  async #ready(ms: number): Promise<this> {
    await until(`${this.proc.name}: boot`, ms, () => {
      if (!this.proc.running) throw new Error(`${this.proc.name} ended: ${this.proc.output.slice(-2000)}`);
      return existsSync(`${this.dir}/ready`);
    });
    return this;
  }

  /** Runs a script in the guest; its output. Throws on another exit code than 0. */
  async sh(script: string): Promise<string> {
    const line = `TCP:${this.address}:2323,retry=20,interval=0.1`;
    const r = await run("ip", ["netns", "exec", this.ns.name, "socat", "-t", "600", "-", line], script);
    const m = r.stdout.match(/^rc=(\d+)\n$/m);
    if (m?.[1] !== "0") throw new Error(`guest: ${m === null ? r.stderr : `exit ${m[1]}`}: ${r.stdout}${this.logs()}`);
    return r.stdout.slice(0, m.index);
  }
  /** The ends of its daemons' logs. */
  logs(): string {
    return ["charon.log", "xl2tpd.log", "pppd.log"]
      .filter((f) => existsSync(`${this.dir}/${f}`))
      .map((f) => `--- guest ${f}\n${this.log(f).split("\n").slice(-25).join("\n")}`)
      .join("\n");
  }
  log(file: string): string {
    return readFileSync(`${this.dir}/${file}`, "utf8");
  }
}

/**
 * SoftEther VPN server in a namespace: hub DEFAULT, SecureNAT (192.168.30.1, DHCP .10 to .200). Listening on every
 * address it does UDP encapsulation only; with `native` it listens on `address` alone, and only then opens raw protocol
 * 50.
 */
export async function softether(lab: Lab, ns: Ns, address: string, native: boolean): Promise<void> {
  const dir = `${lab.dir}/softether`;
  mkdirSync(dir);
  const command = (...args: string[]) => ns.run("vpncmd", `${address}:5555`, "/SERVER", ...args);
  // Its state, logs and sockets live in fixed places: a mount namespace gives it private ones. It likes to crash when
  // told to end.
  const launch = async (): Promise<Proc> => {
    const p = lab.spawn(
      "softether",
      "ip",
      [
        ...["netns", "exec", ns.name, "unshare", "-m", "--propagation", "private", "sh", "-ec"],
        `cd '${dir}'
        for d in /var/lib /var/log /run; do mount -t tmpfs tmp $d; mkdir -p $d/softether; done
        mount --bind . /var/lib/softether
        ulimit -c 0
        exec ${SOFTETHER} execsvc`,
      ],
      { group: true },
    );
    await until("SoftEther starts", 20_000, async () => {
      if (!p.running) throw new Error(`SoftEther ended: ${p.output}`);
      return (await command("/CMD", "About")).code === 0;
    });
    return p;
  };
  const first = await launch();
  if (native) {
    await command("/CMD", "Flush");
    process.kill(-first.pid, "SIGKILL");
    await first.exited;
    const file = `${dir}/vpn_server.config`;
    writeFileSync(file, readFileSync(file, "utf8").replace(/ ListenIP .*/, ` ListenIP ${address}`));
    await sleep(200);
    await launch();
  }
  const setup = lab.write(
    "softether.txt",
    `IPsecEnable /L2TP:yes /L2TPRAW:yes /ETHERIP:no /PSK:${PSK} /DEFAULTHUB:DEFAULT
UserCreate ${USER} /GROUP:none /REALNAME:none /NOTE:none
UserPasswordSet ${USER} /PASSWORD:${PASSWORD}
SecureNatEnable
`,
  );
  const r = await command("/ADMINHUB:DEFAULT", `/IN:${setup}`);
  if (r.code !== 0) throw new Error(`SoftEther setup: ${r.stdout}${r.stderr}`);
  // both open at its listener's next round
  await until("SoftEther's IPsec ports", 10_000, async () => (await ns.run("ss", "-anu")).stdout.includes(":4500 "));
  if (native)
    await until("SoftEther's raw socket", 10_000, async () =>
      /:(50|esp|ipv6-crypt)\s/.test((await ns.run("ss", "-anw")).stdout),
    );
}

/**
 * Bundles TypeScript for Node, to be run elsewhere than in this process: the .mjs files in `dir`, in the same order.
 */
export async function bundled(dir: string, files: readonly string[]): Promise<string[]> {
  await build({
    entryPoints: [...files],
    outdir: dir,
    outbase: ".",
    outExtension: { ".js": ".mjs" },
    bundle: true,
    packages: "external",
    external: ["*.node"],
    alias: { "node-tuntap2": "./src/node-tuntap2/index.ts", "ubus-client": "./src/ubus-client/index.ts" },
    platform: "node",
    target: "node20",
    format: "esm",
    sourcemap: "inline",
  });
  return files.map((f) => `${dir}/${f.replace(/\.ts$/, ".mjs")}`);
}
