// Metrics by HTTP/1.0 for programs of this machine: GET /metrics, one request a connection, and a few seconds for it.
import type { Clock } from "../core/clock.ts";
import { contain } from "../core/scope.ts";
import { fromUtf8, utf8 } from "../core/text.ts";
import type { ByteStream, StreamTransport } from "../ports/runtime.ts";

const LONGEST = 4096; // bytes of a request
const WAIT_MS = 5000;
const REASONS = { 200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 500: "Error" } as const;

/** Null: port 0, nothing is served. Rejects with SystemError. */
export async function serveMetrics(
  rt: { readonly streams: Pick<StreamTransport, "listenHere">; readonly clock: Clock },
  port: number,
  metrics: () => string,
  fault: (e: unknown) => void,
): Promise<{ close(): void } | null> {
  if (port === 0) return null;
  return rt.streams.listenHere(port, (stream) => serve(stream, rt.clock, metrics, fault));
}

function serve(stream: ByteStream, clock: Clock, metrics: () => string, fault: (e: unknown) => void): void {
  let request = "";
  let answered = false;
  const timer = clock.timer("http", () => {
    stream.close();
    stream.close(); // at once: who does not read is not waited for
  });
  timer.arm(WAIT_MS);
  const answer = (code: keyof typeof REASONS, text = `${REASONS[code]}\n`): void => {
    answered = true;
    const body = utf8(text);
    const head = `HTTP/1.0 ${code} ${REASONS[code]}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n`;
    stream.send(`${head}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`);
    stream.send(body);
    stream.close();
  };
  stream.onData = (chunk) => {
    if (answered) return;
    request += fromUtf8(chunk);
    if (request.length > LONGEST) return answer(400);
    if (!/\r?\n\r?\n/.test(request)) return;
    const [method, path, version] = (/^.*/.exec(request)?.[0] ?? "").split(" ");
    if (!version?.startsWith("HTTP/1.")) return answer(400);
    if (method !== "GET") return answer(405);
    if (path !== "/metrics") return answer(404);
    contain(
      () => answer(200, metrics()),
      (e) => {
        fault(e);
        if (!answered) answer(500);
      },
    );
  };
  stream.onClose = () => timer.disarm();
}
