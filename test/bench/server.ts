// One server whose users are freeradius's, and very many clients that all begin at once: how long until everybody is
// in, how many a second, and how many were told to come later.
import { type Config, Daemon } from "../net/daemon.ts";
import { FreeRadius, SECRET } from "../net/freeradius.ts";
import { type Lab, until } from "../net/harness.ts";
import { Callers, everywhere, processorSeconds, ways } from "./crowd.ts";
import { CORE } from "./rivals.ts";

export interface Storm {
  readonly seconds: number;
  readonly loginsPerSecond: number;
  /** Of the server's processor, for each login. */
  readonly loginMs: number;
  /** Sessions that ended, which none should have. */
  readonly lost: number;
  readonly busy: number;
  readonly crowded: number;
}

/** `atOnce`: so many clients try at a time. */
export async function measureStorm(lab: Lab, sessions: number, atOnce: number): Promise<Storm> {
  const { a, b } = await ways(lab);
  const users = Array.from({ length: sessions }, (_, i) => `u${i + 1} Cleartext-Password := "p${i + 1}"\n`);
  await new FreeRadius(b, "127.0.0.1", users.join("\n")).start();
  const config: Config = {
    ...everywhere({ users: "radius" }),
    "radius one": { address: "127.0.0.1", secret: SECRET },
    daemon: { log: "notice" },
  };
  const server = new Daemon(b, "server", config);
  await server.start(CORE.b);
  const { pid } = server.proc;
  const callers = await Callers.start(a, sessions, atOnce);
  const [start, spent] = [Date.now(), processorSeconds(pid)];
  await until(`${sessions} sessions`, 600_000, () => {
    if (!server.proc.running) throw new Error(`the server ended: ${server.log.slice(-500)}`);
    if (process.env["VERBOSE"] !== undefined) console.error(JSON.stringify(callers.told), processorSeconds(pid));
    return (callers.told?.up ?? 0) >= sessions;
  }).catch((e: unknown) => {
    throw new Error(`${String(e)}: ${JSON.stringify(callers.told)}`);
  });
  const seconds = (Date.now() - start) / 1000;
  const loginMs = ((processorSeconds(pid) - spent) / sessions) * 1000;
  const { drops } = await server.serverStatus("lns");
  const lost = callers.told?.downs ?? 0;
  await callers.stop();
  await server.stop(20_000);
  return {
    ...{ seconds, loginsPerSecond: sessions / seconds, loginMs, lost },
    ...{ busy: drops["server.busy"] ?? 0, crowded: drops["server.crowded"] ?? 0 },
  };
}
