// Servers of RADIUS over TLS in memory, behind the port of TCP. TLS is a stand-in that hides nothing: its handshake is
// one byte each way, and the server's says how it ends. (OpenSSL's own: node-tuntap2/test/tls.test.ts, test/net.)
import { Secret } from "../../src/core/secret.ts";
import { concat } from "../../src/core/text.ts";
import type { Endpoint, Tcp, TcpEvents, TcpStream, TlsState, TlsStream } from "../../src/ports/ports.ts";
import { Attributes } from "../../src/radius/attributes.ts";
import { readRadius } from "../../src/radius/packet.ts";
import type { VirtualClock } from "../sim/virtual-clock.ts";
import type { Asked } from "./double.ts";
import { writeAnswer } from "./sealing.ts";

export const RADSEC = Secret.of("radsec");
const HELLO = 0x16;
const ENDS: readonly TlsState[] = ["done", "distrust", "alert", "broken"];

export class PlainTls implements TlsStream {
  state: TlsState = "going";
  words = "";
  closed = false;
  #in: Uint8Array = new Uint8Array(0);
  #out: Uint8Array[] = [];
  step(data: Uint8Array): TlsState {
    if (this.closed) throw new RangeError("closed");
    if (this.state === "going" && data.length === 0) this.#out.push(Uint8Array.of(HELLO));
    let rest = data;
    if (this.state === "going" && data.length > 0) {
      this.state = ENDS[data[0] ?? 0] ?? "broken";
      if (this.state === "distrust") this.words = "certificate has expired";
      if (this.state === "alert") this.words = "tlsv1 alert unknown ca";
      rest = data.subarray(1);
    }
    this.#in = concat([this.#in, rest]);
    return this.state;
  }
  read(into: Uint8Array): number {
    if (this.closed) throw new RangeError("closed");
    const n = Math.min(into.length, this.#in.length);
    into.set(this.#in.subarray(0, n));
    this.#in = this.#in.slice(n);
    return n;
  }
  write(data: Uint8Array): boolean {
    if (this.closed) throw new RangeError("closed");
    this.#out.push(data.slice());
    return this.state === "done";
  }
  output(): Uint8Array {
    return concat(this.#out.splice(0));
  }
  why(): string {
    return this.words;
  }
  close(): void {
    this.closed = true;
  }
}

export interface Connection {
  readonly at: Endpoint;
  /** To the client, after 5 ms. */
  send(bytes: Uint8Array): void;
  /** As a program that is killed does. */
  cut(): void;
  /** The client has closed it. */
  closed: boolean;
}
export interface Server {
  /** Not there; or how TLS ends, as PlainTls reads it; "mute": TCP alone. */
  tls?: 0 | 1 | 2 | 3 | "mute";
  refuses?: string;
  /** A question, and the connection that it came by. */
  ask?(q: Asked, c: Connection): void;
}

/** All that is asked, over a network that takes 5 ms. */
export class RadsecNet implements Tcp {
  readonly #clock: VirtualClock;
  readonly asked: Asked[] = [];
  readonly connections: Connection[] = [];
  readonly tls: PlainTls[] = [];
  readonly servers = new Map<string, Server>();

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }
  get open(): number {
    return this.connections.filter((c) => !c.closed).length;
  }
  /** For RadiusServer.tls. */
  readonly newTls = (): TlsStream => {
    const tls = new PlainTls();
    this.tls.push(tls);
    return tls;
  };
  dial(at: Endpoint, on: TcpEvents): TcpStream {
    const later = (f: () => void): void => this.#clock.timer("radsec net", f).arm(5);
    const server = this.servers.get(at.address);
    const line = this.connections.length;
    let heard: Uint8Array = new Uint8Array(0);
    let hello = true;
    const here = (f: () => void): void => later(() => !c.closed && f());
    const c: Connection = {
      at,
      closed: false,
      send: (bytes) => here(() => on.data(bytes)),
      cut: () =>
        here(() => {
          c.closed = true;
          on.end("");
        }),
    };
    this.connections.push(c);
    here(() => {
      if (server && server.refuses === undefined) return on.open();
      c.closed = true;
      on.end(server?.refuses ?? "ECONNREFUSED");
    });
    return {
      send: (data) =>
        later(() => {
          heard = concat([heard, data]);
          if (server?.tls === "mute") return;
          if (hello) {
            hello = false;
            heard = heard.slice(1);
            c.send(Uint8Array.of(server?.tls ?? 0));
          }
          while (heard.length >= 4) {
            const length = ((heard[2] ?? 0) << 8) | (heard[3] ?? 0);
            if (heard.length < length) return;
            const packet = readRadius(heard.slice(0, length));
            heard = heard.slice(length);
            const q: Asked = {
              at,
              packet,
              line,
              reply: (bytes) => c.send(bytes),
              answer: (code, attributes = new Attributes(), secret = RADSEC) => {
                const bytes = writeAnswer({ code, id: packet.id, secret, attributes }, packet.authenticator);
                c.send(bytes);
                return bytes;
              },
            };
            this.asked.push(q);
            server?.ask?.(q, c);
          }
        }),
      close: () => {
        c.closed = true;
      },
    };
  }
}
