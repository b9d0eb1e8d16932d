// One server, one client with very many links: a load that fits a test machine.
import { type Config, Daemon } from "./daemon.ts";
import { type Lab, memory, type Ns, sleep, until } from "./harness.ts";
import { clientSection, serverConfig, two } from "./sites.ts";

export interface Many {
  readonly a: Ns;
  readonly server: Daemon;
  readonly client: Daemon;
  /**
   * What a session costs the server in KB: its growth since it had none, everything that came with the first included.
   */
  readonly each: number;
  /** The start of the client until the last session was up. */
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
  const server = new Daemon(b, "server", {
    daemon: { log: "notice" },
    ...serverConfig({ pool: "10.99.1.1-10.99.1.250" }, users),
  });
  await server.start();
  const sessions = (): number =>
    [...server.log.matchAll(/session\.up/g)].length - [...server.log.matchAll(/session\.down/g)].length;
  const reach = (count: number): Promise<unknown> =>
    until(`${count} sessions`, 150_000, () => sessions() >= count).catch((e: unknown) => {
      throw new Error(`${sessions()} sessions: ${String(e)}`);
    });
  await sleep(2000);
  const before = memory(server.proc.pid, "Rss");
  const client = new Daemon(a, "client", { daemon: { log: "notice" }, ...links });
  const start = Date.now();
  await client.start();
  await reach(n);
  const seconds = (Date.now() - start) / 1000;
  await sleep(2000);
  return { a, server, client, each: (memory(server.proc.pid, "Rss") - before) / n / 1024, seconds };
}
