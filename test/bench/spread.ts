// Would more threads pay? Two clients with a flow each, on all cores: of one server, and of two servers, which is what
// one with a thread for each flow could reach at best.
import { Daemon } from "../net/daemon.ts";
import type { Lab, Ns } from "../net/harness.ts";
import { clientConfig, PASSWORD, PSK } from "../net/sites.ts";
import { inLab, type Keep, mbitsOf } from "./throughput.ts";

const SECONDS = 4;
const ESP = { esp_proposals: "aes128gcm16", ike_proposals: "aes128-sha256-modp2048", encap: "udp" };

async function flows(servers: readonly Ns[], clients: readonly Ns[]): Promise<number[]> {
  const sums: number[] = [];
  const ends = await Promise.all(
    clients.map(async (ns, i) => {
      const at = servers[i % servers.length] ?? ns;
      const port = 5300 + i;
      const p = at.spawn("iperf3", "-s", "--forceflush", "-B", "10.99.0.1", "-p", String(port));
      await p.line(/listening/, 5000);
      return { ns, port, p };
    }),
  );
  for (const way of [[], ["-R"]]) {
    const each = await Promise.all(
      ends.map(({ ns, port }) =>
        ns.must("iperf3", "-c", "10.99.0.1", "-p", String(port), "-t", String(SECONDS), "-O", "1", "-J", ...way),
      ),
    );
    sums.push(each.map(mbitsOf).reduce((x, y) => x + y));
  }
  for (const { p } of ends) await p.stop();
  return sums;
}

/** `count` servers for two clients; Mbit/s of both flows together, the mean of both ways. */
async function spread(lab: Lab, count: number): Promise<number> {
  const servers: Ns[] = [];
  const clients: Ns[] = [];
  for (const i of [0, 1]) {
    const server = servers[i % count] ?? (await lab.ns(`s${i}`));
    servers[i % count] = server;
    const client = await lab.ns(`c${i}`);
    await client.link("wan", `203.0.${i}.2/24`, server, `wan${i}`, `203.0.${i}.1/24`);
    clients.push(client);
  }
  for (const [i, ns] of servers.entries()) {
    const lns = { psk: PSK, pool: "10.99.0.100-10.99.0.200", local_ip: "10.99.0.1", esp_proposals: ESP.esp_proposals };
    await new Daemon(ns, `server${i}`, {
      "server lns": lns,
      "user branch0": { password: PASSWORD },
      "user branch1": { password: PASSWORD },
    }).start();
  }
  for (const [i, ns] of clients.entries()) {
    const d = new Daemon(ns, `client${i}`, clientConfig({ ...ESP, server: `203.0.${i}.1`, username: `branch${i}` }));
    await d.start();
    await d.waitUp("hq");
  }
  const ways = await flows(servers, clients);
  return ways.reduce((x, y) => x + y) / ways.length;
}

export async function spreads(rounds: number, keep: Keep): Promise<void> {
  for (let round = 0; round < rounds; round++)
    for (const count of [1, 2])
      await inLab("qjs", async (lab) =>
        keep(`two flows, ${count} server${count > 1 ? "s" : ""}`, "TCP", await spread(lab, count)),
      );
}
