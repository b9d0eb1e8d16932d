// The object l2tpsec on OpenWrt's bus: the control API for LuCI, rpcd and scripts.
import { type Registered, type Request, STATUS, type Table, TYPE, type Ubus, UbusError, type Value } from "ubus-client";
import { sectionsIn } from "../config/transfer.ts";
import { uciWritten } from "../config/write.ts";
import type { CaptureApi } from "../control/capture.ts";
import { type DaemonApi, RequestRefused, refusal } from "../control/server.ts";
import type { Clock } from "../core/clock.ts";
import type { EventLog } from "../core/events.ts";
import { faultEvent } from "../core/fault.ts";
import type { Page } from "../link/status.ts";
import { Doctor } from "./doctor.ts";
import { PageCapture } from "./page-capture.ts";

/** A message is at most 1 MiB, and one that is larger would cost the connection. */
const MOST_SESSIONS = 1000;

const CODES = {
  "bad-request": STATUS.INVALID_ARGUMENT,
  "not-found": STATUS.NOT_FOUND,
  failed: STATUS.UNKNOWN_ERROR,
  internal: STATUS.UNKNOWN_ERROR,
} as const;

/** Any of our data as a blobmsg table: texts may hold a peer's NUL, which blobmsg cannot. */
export function toTable(x: object): Table {
  return Object.fromEntries(Object.entries(x).map(([k, v]) => [k, toValue(v)]));
}
function toValue(x: unknown): Value {
  if (typeof x === "string") return x.replaceAll("\0", "\ufffd");
  if (typeof x === "number" || typeof x === "boolean" || typeof x === "bigint") return x;
  if (Array.isArray(x)) return x.map(toValue);
  return typeof x === "object" && x !== null ? toTable(x) : null;
}

/** What netifd's handler calls. */
interface NetifdCalls {
  setup(name: string): void;
  teardown(name: string, gone: () => void): void;
}

/**
 * Registers the object, now and whenever the bus comes back. What is refused ends with a status and says why in
 * `error`. Every event is a notification `link` while anybody listens. Resolves with its end.
 */
export async function serveUbus(
  bus: Ubus,
  api: DaemonApi,
  deps: { readonly clock: Clock; readonly log: EventLog; readonly captures: CaptureApi },
  netifd: NetifdCalls | null = null,
): Promise<() => void> {
  const named = (r: Request): string => r.args["name"] as string;
  const answering =
    (call: (r: Request) => void) =>
    (r: Request): void => {
      try {
        call(r);
      } catch (e) {
        refuse(r, e, deps.log);
      }
    };
  const name = { args: { name: TYPE.STRING }, required: ["name"] } as const;
  const handler = netifd && {
    setup: {
      ...name,
      call: answering((r) => {
        netifd.setup(named(r));
        end(r);
      }),
    },
    teardown: { ...name, call: answering((r) => netifd.teardown(named(r), () => end(r))) },
  };
  const doctor = new Doctor(api, deps.clock);
  const page = new PageCapture(deps.captures, deps.clock);
  let followed = false;
  const object: Registered = await bus.add({
    path: "l2tpsec",
    methods: {
      status: {
        args: { name: TYPE.STRING, from: TYPE.INT32, count: TYPE.INT32, user: TYPE.STRING },
        call: answering((r) => {
          const {
            name = null,
            from = 0,
            count = MOST_SESSIONS,
            user = null,
          } = r.args as Partial<Page> & { name?: string };
          const most = Math.max(0, Math.min(count, MOST_SESSIONS));
          end(r, api.status(name, { from: Math.max(0, from), count: most, user }));
        }),
      },
      up: {
        ...name,
        call: answering((r) => {
          api.up(named(r));
          end(r);
        }),
      },
      // Answered when the link is fully released, within two seconds: a caller that restarts it then finds it down.
      down: { ...name, call: answering((r) => api.down(named(r), () => end(r))) },
      reload: { call: answering((r) => end(r, { changed: api.reload() })) },
      disconnect: {
        args: { session: TYPE.INT32 },
        required: ["session"],
        call: answering((r) => {
          api.disconnect(r.args["session"] as number);
          end(r);
        }),
      },
      doctor: {
        ...name,
        call: answering((r) => {
          const refused = (e: unknown): void => refuse(r, e, deps.log);
          doctor.ask(named(r), (found) => end(r, found), refused);
        }),
      },
      capture: {
        args: { name: TYPE.STRING, seconds: TYPE.INT32, packets: TYPE.INT32, bytes: TYPE.INT32 },
        required: ["name"],
        call: answering((r) => {
          page.start(named(r), r.args);
          end(r);
        }),
      },
      capture_read: { ...name, call: answering((r) => end(r, page.read(named(r)))) },
      capture_stop: {
        ...name,
        call: answering((r) => {
          page.stop(named(r));
          end(r);
        }),
      },
      radius_test: {
        args: { ...name.args, user: TYPE.STRING, password: TYPE.STRING },
        required: ["name", "user", "password"],
        call: answering((r) => {
          const { user, password } = r.args as { readonly user: string; readonly password: string };
          api.radiusTest(named(r), user, password).then(
            (servers) => end(r, { servers }),
            (e: unknown) => refuse(r, e, deps.log),
          );
        }),
      },
      // These hold secrets; the ACL of LuCI's pages gives them to who may write settings.
      peer_config: {
        args: { ...name.args, system: TYPE.STRING, server: TYPE.STRING, address: TYPE.STRING, routes: TYPE.STRING },
        required: ["name", "system"],
        call: answering((r) => {
          const given = r.args as { readonly name: string; readonly system: string };
          end(r, api.peerConfig({ server: "", address: "", routes: "", ...given }));
        }),
      },
      import: {
        args: { text: TYPE.STRING },
        required: ["text"],
        call: answering((r) => {
          const got = sectionsIn({ path: "text", text: r.args["text"] as string });
          if ("faults" in got) throw new RequestRefused("failed", got.faults.join("\n"));
          end(r, { sections: got.map(uciWritten) });
        }),
      },
      ...handler,
    },
    onSubscribers: (any) => {
      followed = any;
    },
  });
  return api.subscribe((e) => {
    if (!followed) return;
    object.notify("link", toTable(e)).catch((why: unknown) => {
      // Otherwise the bus is down, and so are the subscriptions.
      if (!(why instanceof UbusError)) deps.log.emit(faultEvent("", "a notification on the bus", why));
    });
  });
}

function end(r: Request, data?: object): void {
  if (data) r.reply(toTable(data));
  r.done();
}
function refuse(r: Request, e: unknown, log: EventLog): void {
  const error = refusal(e, `the bus's request ${r.method}`, log);
  r.reply(toTable({ error }));
  r.done(CODES[error.code]);
}
