// Who carries how much between two namespaces, one core a side: our transforms on both runtimes, and the rivals. They
// take turns, and medians count: what the machine does besides is spread over all of them.
import { Daemon } from "../net/daemon.ts";
import { Lab, lacking, memory, type Ns, type RuntimeName, sleep } from "../net/harness.ts";
import { clientConfig, serverConfig, two, without } from "../net/sites.ts";
import { CORE, openvpn, wireguard } from "./rivals.ts";

const SECONDS = 4;
const MB = 1e6;
/** OpenSSL as on a CPU without AES, carry-less multiplication, AVX and what came later. */
const OLD_CPU = ["env", "OPENSSL_ia32cap=~0x1200000200000000:0"];

export type Keep = (who: string, what: string, value: number) => void;
export interface Contest {
  readonly rounds: number;
  readonly runtimes: readonly RuntimeName[];
  readonly keep: Keep;
  note(text: string): void;
}
interface Ours {
  readonly name: string;
  readonly esp: string | null; // null: L2TP in the clear
  readonly encap?: "udp" | "esp";
  readonly oldCpu?: boolean;
}
const OURS: readonly Ours[] = [
  { name: "GCM", esp: "aes128gcm16", encap: "udp" },
  { name: "GCM, raw ESP", esp: "aes128gcm16", encap: "esp" },
  { name: "CBC-SHA1", esp: "aes128-sha1", encap: "udp" },
  { name: "plain", esp: null },
  { name: "ChaCha20, old CPU", esp: "chacha20poly1305", encap: "udp", oldCpu: true },
];

/** Both sides, configured; the server runs. `esp` null: in the clear. */
export async function ours(lab: Lab, { esp, encap = "udp", oldCpu = false }: Omit<Ours, "name">): Promise<Sides> {
  const { a, b } = await two(lab);
  const off = { ipsec: "off" };
  const client =
    esp === null
      ? { "interface hq": without(clientConfig(off)["interface hq"] ?? {}, "psk") }
      : clientConfig({ esp_proposals: esp, ike_proposals: "aes128-sha256-modp2048", encap });
  const config = serverConfig(esp === null ? off : { esp_proposals: esp });
  if (esp === null) config["server lns"] = without(config["server lns"] ?? {}, "psk");
  const d = { client: new Daemon(a, "client", client), server: new Daemon(b, "server", config) };
  await d.server.start(CORE.b, oldCpu ? OLD_CPU : []);
  return { a, b, ...d };
}
export interface Sides {
  readonly a: Ns;
  readonly b: Ns;
  readonly client: Daemon;
  readonly server: Daemon;
}

interface Iperf {
  readonly end: {
    readonly sum_received?: { readonly bits_per_second: number };
    readonly sum: { readonly packets: number; readonly lost_packets: number; readonly seconds: number };
  };
}
/** iperf3 from a to `address` of b and back; the mean of `figure`. (With -O it counts lost datagrams wrongly.) */
async function iperf(
  s: { a: Ns; b: Ns },
  address: string,
  more: string[],
  figure: (r: Iperf) => number,
): Promise<number> {
  const server = s.b.spawn("taskset", "-c", CORE.b, "iperf3", "-s", "--forceflush", "-B", address);
  await server.line(/listening/, 5000);
  const ways: number[] = [];
  for (const way of [[], ["-R"]]) {
    const words = ["-c", CORE.a, "iperf3", "-c", address, "-t", String(SECONDS), "-J", ...more, ...way];
    ways.push(figure(JSON.parse(await s.a.must("taskset", ...words)) as Iperf));
  }
  await server.stop();
  return ways.reduce((x, y) => x + y) / ways.length;
}
const mbits = (r: Iperf): number => (r.end.sum_received?.bits_per_second ?? Number.NaN) / 1e6;
/** Of what iperf3 -J printed. */
export const mbitsOf = (json: string): number => mbits(JSON.parse(json) as Iperf);
/** Thousand datagrams a second that arrived. */
const kpps = ({ end: { sum } }: Iperf): number => (sum.packets - sum.lost_packets) / sum.seconds / 1000;

/** TCP, and a ping beside it; then datagrams of 64 bytes. */
async function carry(s: { a: Ns; b: Ns }, address: string, who: string, keep: Keep, small: boolean): Promise<string> {
  const ping = s.a.ping(address, 80, 0.1);
  keep(who, "TCP", await iperf(s, address, ["-O", "1"], mbits));
  const { rtt, sent, received } = await ping;
  keep(who, "ping under load", median(rtt));
  if (small) keep(who, "64 bytes", await iperf(s, address, ["-u", "-b", "0", "-l", "64"], kpps));
  return `worst ping ${Math.max(...rtt).toFixed(1)} ms, ${sent - received} of ${sent} lost`;
}

export async function inLab(runtime: RuntimeName, body: (lab: Lab) => Promise<void>): Promise<void> {
  const lab = new Lab(runtime);
  try {
    await body(lab);
  } catch (e) {
    for (const d of lab.daemons) console.error(`--- ${d.name}\n${d.log.split("\n").slice(-20).join("\n")}`);
    throw e;
  } finally {
    await lab.close();
  }
}
export const median = (xs: readonly number[]): number =>
  xs.toSorted((x, y) => x - y)[Math.floor(xs.length / 2)] ?? Number.NaN;

async function oneOfOurs(c: Contest, runtime: RuntimeName, o: Ours, last: boolean): Promise<void> {
  const who = `${runtime} ${o.name}`;
  await inLab(runtime, async (lab) => {
    const s = await ours(lab, o);
    await s.client.start(CORE.a, o.oldCpu === true ? OLD_CPU : []);
    await s.client.waitUp("hq");
    await sleep(1500);
    c.keep(who, "idle RSS", memory(s.client.proc.pid, "Rss") / MB);
    c.keep(who, "idle anonymous", memory(s.client.proc.pid, "Anonymous") / MB);
    const words = await carry(s, "10.99.0.1", who, c.keep, o.name === "GCM");
    c.keep(who, "RSS under load", memory(s.client.proc.pid, "Rss") / MB);
    if (!last || o.name !== "GCM") return;
    const drops = Object.entries((await s.client.status("hq")).drops).map(([k, v]) => `${k} ${v}`);
    c.note(`${runtime}, under load: ${words}; drops: ${drops.join(", ") || "none"}`);
  });
}

/** A rival's name is its `who`. */
const RIVALS = [
  { name: "openvpn", needs: ["openvpn", "openssl"], start: openvpn },
  {
    name: "openvpn, old CPU",
    needs: ["openvpn", "openssl"],
    start: (a: Ns, b: Ns): Promise<string> => openvpn(a, b, "CHACHA20-POLY1305", OLD_CPU),
  },
  { name: "wireguard-go", needs: ["wireguard-go", "wg"], start: wireguard },
] as const;

export async function contest(c: Contest): Promise<void> {
  const rivals = RIVALS.filter(({ name, needs }) => {
    const gone = lacking(...needs);
    if (gone !== undefined) c.note(`no ${name}: ${gone}`);
    return gone === undefined;
  });
  for (let round = 1; round <= c.rounds; round++) {
    for (const o of OURS) for (const runtime of c.runtimes) await oneOfOurs(c, runtime, o, round === c.rounds);
    for (const { name, start } of rivals) {
      await inLab("node", async (lab) => {
        const s = await two(lab);
        await carry(s, await start(s.a, s.b), name, c.keep, name === "wireguard-go");
      });
    }
  }
}
