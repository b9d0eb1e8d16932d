// The daemon's side of the control API.
import type { PeerConfig, PeerWish } from "../config/peer.ts";
import type { Event, EventLog } from "../core/events.ts";
import { faultEvent, internal } from "../core/fault.ts";
import { contain } from "../core/scope.ts";
import { hex } from "../core/text.ts";
import type { Page, RadiusFinding, Stage, Status } from "../link/status.ts";
import type { StreamTransport } from "../ports/runtime.ts";
import type { CaptureApi } from "./capture.ts";
import { type LineStream, lines } from "./lines.ts";
import { type ApiError, parseRequest, type Request } from "./protocol.ts";

/** The daemon's operations for the control API and ubus. Throws RequestRefused. */
export interface DaemonApi {
  status(name: string | null, page?: Page): Record<string, Status>;
  up(name: string): void;
  /** `gone` is called when the link is fully released, within two seconds. */
  down(name: string, gone?: () => void): void;
  /** Rereads the configuration; the result names the changed sections. */
  reload(): string;
  /** Checks the stages of a link; `stage` is called with each result. Resolves with true when the link is up. */
  doctor(name: string, stage: (s: Stage) => void): Promise<boolean>;
  /** Ends one session of a server. */
  disconnect(session: number): void;
  /** What to type on the other side of a user or a link; it holds secrets. */
  peerConfig(wish: PeerWish): PeerConfig;
  /** What each RADIUS server of a section says about a user. */
  radiusTest(name: string, user: string, password: string): Promise<readonly RadiusFinding[]>;
  /** For Prometheus. `users`: a series for each user as well. */
  metrics(users: boolean): string;
  subscribe(listener: (e: Event) => void): () => void;
}

export class RequestRefused extends Error {
  override readonly name = "RequestRefused";
  readonly code: ApiError["code"];
  constructor(code: ApiError["code"], text: string) {
    super(text);
    this.code = code;
  }
}

/** The error answer for what a request threw: a refusal, or an internal error, which is logged. */
export function refusal(e: unknown, what: string, log: EventLog): ApiError {
  if (e instanceof RequestRefused) return { code: e.code, text: e.message };
  log.emit(faultEvent("", what, e));
  return { code: "internal", text: internal("system", e).text };
}

/** Requests and streams are isolated: an unexpected error ends only the one it occurs in. */
export async function serveControl(
  path: string,
  transport: Pick<StreamTransport, "listen">,
  api: DaemonApi,
  log: EventLog,
  captures: CaptureApi | null = null,
): Promise<{ close(): void }> {
  const open = new Set<LineStream>();
  const server = await transport.listen(path, (bytes) => {
    const stream = lines(bytes);
    const broken = (e: unknown): void => {
      log.emit(faultEvent("", "a stream of the control socket", e));
      stream.close();
    };
    let unsubscribe = (): void => {};
    open.add(stream);
    let endCapture = (): void => {};
    stream.onClose = () => {
      open.delete(stream);
      contain(unsubscribe, broken);
      contain(endCapture, broken);
    };
    const onLine = (text: string): void => {
      const request = parseRequest(text);
      if (!request) {
        stream.send(
          JSON.stringify({ id: null, error: { code: "bad-request", text: "not a request of the control API" } }),
        );
        stream.close();
        return;
      }
      if (request.method === "events") {
        unsubscribe();
        unsubscribe = api.subscribe((event) => stream.send(JSON.stringify({ event })));
        stream.send(JSON.stringify({ id: request.id, result: true }));
        return;
      }
      if (request.method === "capture") {
        endCapture();
        endCapture = capture(request, captures, log, (x) => stream.send(JSON.stringify({ id: request.id, ...x })));
        return;
      }
      answer(request, api, log, (x) => stream.send(JSON.stringify({ id: request.id, ...x })));
    };
    stream.onLine = (text) => contain(() => onLine(text), broken);
  });
  return {
    close() {
      server.close();
      for (const s of open) s.close();
    },
  };
}

/** Returns what ends it. A client that reads too slowly is cut off by its stream, which ends it as well. */
function capture(r: Request, api: CaptureApi | null, log: EventLog, send: (x: object) => void): () => void {
  try {
    if (r.name === null) throw new RequestRefused("bad-request", "capture needs a name");
    if (r.limits === null) throw new RequestRefused("bad-request", "seconds, packets and bytes are numbers from 1");
    if (!api) throw new RequestRefused("failed", "nothing can be captured here");
    return api.capture(r.name, {
      limits: r.limits,
      send: (bytes) => send({ piece: hex(bytes) }),
      done: (result) => send({ result }),
    });
  } catch (e) {
    send({ error: refusal(e, "the request capture", log) });
    return () => {};
  }
}

function answer(r: Request, api: DaemonApi, log: EventLog, send: (x: object) => void): void {
  const fail = (e: unknown): void => send({ error: refusal(e, `the request ${r.method}`, log) });
  const named = (): string => {
    if (r.name === null) throw new RequestRefused("bad-request", `${r.method} needs a name`);
    return r.name;
  };
  try {
    switch (r.method) {
      case "status":
        if (r.page === null) throw new RequestRefused("bad-request", "from and count are numbers, user is a name");
        return send({ result: api.status(r.name, r.page) });
      case "up":
        api.up(named());
        return send({ result: true });
      case "down":
        api.down(named());
        return send({ result: true });
      case "reload":
        return send({ result: api.reload() });
      case "disconnect":
        if (r.session === null) throw new RequestRefused("bad-request", "disconnect needs a session number");
        api.disconnect(r.session);
        return send({ result: true });
      case "doctor":
        api.doctor(named(), (stage) => send({ stage })).then((ok) => send({ result: ok }), fail);
        return;
      case "peer-config":
        if (r.wish === null) throw new RequestRefused("bad-request", "peer-config takes texts");
        return send({ result: api.peerConfig(r.wish) });
      case "radius-test":
        if (r.login === null) throw new RequestRefused("bad-request", "radius-test needs a user and a password");
        api.radiusTest(named(), r.login.user, r.login.password).then((result) => send({ result }), fail);
        return;
      case "metrics":
        return send({ result: api.metrics(r.users) });
      case "capture":
      case "events":
        return; // handled where the stream is known
    }
  } catch (e) {
    fail(e);
  }
}
