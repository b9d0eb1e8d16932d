// One server, one client with very many links: a load that fits a test machine.
import { type Config, Daemon } from "./daemon.ts";
import { type Lab, memory, type Ns, sleep, until } from "./harness.ts";
import { clientSection, serverConfig, two } from "./sites.ts";

export interface Many {
  readonly a: Ns;
  readonly server: Daemon;
  readonly client: Daemon;
  /** What the server's memory grew by a session, in KB. */
  readonly each: number;
  /** From the start of the client until the last session was up. */
  readonly seconds: number;
}

/** Links are called l1, l2...; their netdevs t1, t2... */
export async function manySessions(lab: Lab, n: number): Promise<Many> {
  const { a, b } = await two(lab);
  const users: Config = {};
  const links: Config = {};
  for (let i = 1; i <= n; i++) {
    users[`user u${i}`] = { password: `p${i}` };
    links[`interface l${i}`] = clientSection({ username: `u${i}`, password: `p${i}`, ifname: `t${i}`, source_port: 0 });
  }
  const server = new Daemon(b, "server", { daemon: { log: "notice" }, ...serverConfig({ pool: "10.99.1.1-10.99.1.250" }, users) });
  await server.start();
  const client = new Daemon(a, "client", { daemon: { log: "notice" }, ...links });
  await sleep(500);
  const before = memory(server.proc.pid, "Rss");
  const start = Date.now();
  await client.start();
  const sessions = (): number => [...server.log.matchAll(/session\.up/g)].length - [...server.log.matchAll(/session\.down/g)].length;
  await until(`${n} sessions`, 150_000, () => sessions() >= n).catch((e: unknown) => {
    throw new Error(`${sessions()} sessions: ${String(e)}`);
  });
  const seconds = (Date.now() - start) / 1000;
  await sleep(2000);
  return { a, server, client, each: (memory(server.proc.pid, "Rss") - before) / n / 1024, seconds };
}
