// Commands that ask the daemon.
import { ControlClient } from "../control/client.ts";
import { renderDoctor, renderEvent, renderStatus } from "../control/render.ts";
import { SystemError } from "../core/errors.ts";
import type { Stage, Status } from "../link/status.ts";
import type { Call } from "./command.ts";

export const DEFAULT_SOCKET = "/var/run/l2tpsec.sock";

/** Runs `ask` over a connection to the daemon, and exits with the code that it resolves with. */
export function remote(ask: (client: ControlClient, c: Call) => Promise<number>): (c: Call) => Promise<void> {
  return async (c) => {
    const { rt } = c;
    const socket = c.values.get("--socket") ?? DEFAULT_SOCKET;
    let client: ControlClient;
    try {
      client = await ControlClient.open(rt.streams, socket);
    } catch (e) {
      if (!(e instanceof SystemError)) throw e;
      const why = e.errno === "EACCES" ? "permission denied (run as root?)" : "no daemon listens there";
      rt.stderr(`l2tpsec: ${socket}: ${why}: ${e.errno}\n`);
      return rt.exit(3);
    }
    try {
      rt.exit(await ask(client, c));
    } catch (e) {
      rt.stderr(`l2tpsec: ${(e as Error).message}\n`);
      rt.exit(1);
    }
  };
}
/** Until the daemon closes the stream. */
function follow(client: ControlClient): Promise<number> {
  return new Promise((resolve) => {
    client.onClose = () => resolve(0);
  });
}

type Asked = Readonly<Record<string, string | number>>;
/** Sessions of one answer: that of thousands would be too long a line. */
const PAGE = 500;
/** Those of a status that is shown again and again. */
const WATCHED = 100;

async function pageOf(client: ControlClient, params: Asked): Promise<Record<string, Status>> {
  return (await client.call("status", params)) as Record<string, Status>;
}
/** All sessions, page by page. */
async function everything(client: ControlClient, params: Asked): Promise<Record<string, Status>> {
  const out: Record<string, Status> = {};
  for (let from = 0; ; from += PAGE) {
    let got = 0;
    for (const [name, s] of Object.entries(await pageOf(client, { ...params, from, count: PAGE }))) {
      const before = out[name];
      if (s.kind !== "server") out[name] = s;
      else {
        const { sessions_left_out: _, ...whole } = s;
        got += s.sessions.length;
        out[name] = { ...whole, sessions: [...(before?.kind === "server" ? before.sessions : []), ...s.sessions] };
      }
    }
    if (got < PAGE) return out;
  }
}
function numbered(values: ReadonlyMap<string, string>, option: "--from" | "--count"): Asked {
  const text = values.get(option);
  if (text === undefined) return {};
  if (!/^\d{1,9}$/.test(text)) throw new Error(`${option} needs a number`);
  return { [option.slice(2)]: Number(text) };
}

export const status = remote(async (client, { rt, words, flags, values }) => {
  const page = { ...numbered(values, "--from"), ...numbered(values, "--count") };
  const user = values.get("--user");
  const of = { ...(words[0] !== undefined && { name: words[0] }), ...(user !== undefined && { user }) };
  const watched = flags.has("--watch") ? { count: WATCHED } : {};
  const params: Asked = { ...of, ...watched, ...page };
  const all = Object.keys(page).length === 0 && !flags.has("--watch");
  const now = await (all ? everything : pageOf)(client, params);
  rt.stdout(flags.has("--json") ? `${JSON.stringify(now, null, 2)}\n` : renderStatus(now, rt.terminal));
  if (!flags.has("--watch")) return 0;
  client.onEvent = () => {
    client.call("status", params).then(
      (s) => rt.stdout(`\x1b[H\x1b[2J${renderStatus(s as Record<string, Status>, rt.terminal)}`),
      () => {},
    );
  };
  await client.call("events");
  return follow(client);
});
export const upOrDown = remote(async (client, { command, words }) => {
  await client.call(command === "up" ? "up" : "down", { name: words[0] ?? "" });
  return 0;
});
export const reload = remote(async (client, { rt }) => {
  rt.stdout(`${String(await client.call("reload"))}\n`);
  return 0;
});
export const disconnect = remote(async (client, { words }) => {
  const session = words[0] ?? "";
  if (!/^\d{1,9}$/.test(session)) throw new Error("a session is a number: see status");
  await client.call("disconnect", { session: Number(session) });
  return 0;
});
export const metrics = remote(async (client, { rt, flags }) => {
  rt.stdout(String(await client.call("metrics", { users: flags.has("--users") })));
  return 0;
});
export const events = remote(async (client, { rt, flags }) => {
  client.onEvent = (e) => rt.stdout(flags.has("--json") ? `${JSON.stringify(e)}\n` : `${renderEvent(e)}\n`);
  await client.call("events");
  return follow(client);
});
export const doctor = remote(async (client, { rt, words, flags }) => {
  const ok = await client.call("doctor", { name: words[0] ?? "" }, (s: Stage) =>
    rt.stdout(flags.has("--json") ? `${JSON.stringify(s)}\n` : renderDoctor(s, rt.terminal)),
  );
  return ok === true ? 0 : 1;
});
