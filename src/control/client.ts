// The CLI's side of the control API.
import type { Event } from "../core/events.ts";
import type { Stage } from "../link/status.ts";
import type { StreamTransport } from "../ports/runtime.ts";
import { type LineStream, lines } from "./lines.ts";
import type { ApiError, Method } from "./protocol.ts";

interface Answer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: ApiError;
  readonly stage?: Stage;
  readonly piece?: string;
  readonly event?: Event;
}

export class ControlClient {
  readonly #stream: LineStream;
  #next = 1;
  readonly #waiting = new Map<
    number,
    { resolve(x: unknown): void; reject(e: Error): void; stage(s: Stage): void; piece(hex: string): void }
  >();
  onEvent: (e: Event) => void = () => {};
  onClose: () => void = () => {};

  private constructor(stream: LineStream) {
    this.#stream = stream;
    stream.onLine = (line) => this.#line(JSON.parse(line) as Answer);
    stream.onClose = () => {
      for (const w of this.#waiting.values()) w.reject(new Error("the daemon went away"));
      this.#waiting.clear();
      this.onClose();
    };
  }
  /** Rejects with SystemError when no daemon listens. */
  static async open(transport: Pick<StreamTransport, "connect">, path: string): Promise<ControlClient> {
    return new ControlClient(lines(await transport.connect(path)));
  }
  /** Rejects with an Error that has the daemon's message. */
  call(
    method: Method,
    params: Readonly<Record<string, string | number | boolean>> = {},
    stage: (s: Stage) => void = () => {},
    piece: (hex: string) => void = () => {},
  ): Promise<unknown> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, stage, piece });
      this.#stream.send(JSON.stringify({ id, method, params }));
    });
  }
  close(): void {
    this.#stream.close();
  }
  #line(a: Answer): void {
    if (a.event) return this.onEvent(a.event);
    const w = a.id === undefined ? undefined : this.#waiting.get(a.id);
    if (!w || a.id === undefined) return;
    if (a.stage) return w.stage(a.stage);
    if (a.piece !== undefined) return w.piece(a.piece);
    this.#waiting.delete(a.id);
    if (a.error) w.reject(new Error(a.error.text));
    else w.resolve(a.result);
  }
}
