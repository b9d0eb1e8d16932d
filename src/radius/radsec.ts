// One connection of RADIUS over TLS (RFC 6614): packets in a stream, where each says how long it is (RFC 6613 §2.1),
// and where nothing that is wrong can be skipped (§2.6.4). TLS itself is done behind the port TlsStreams. Left out:
// TLS-PSK, fingerprints in place of a CA, DTLS (RFC 7360).
import { get16 } from "../core/bytes.ts";
import { printable } from "../core/words.ts";
import type { Endpoint, Tcp, TcpStream, TlsState, TlsStream, UdpSocket } from "../ports/ports.ts";
import { HEADER, LONGEST_PACKET } from "./packet.ts";

interface ConnectionEvents {
  packet(bytes: Uint8Array): void;
  /**
   * Once, never inside a call of ours, and not after close(). `lasting`: it would end the same way again. `why`: a
   * sentence without its subject, the server.
   */
  ended(why: string, lasting: boolean): void;
}
const NOTHING = new Uint8Array(0);
/** Of one read. */
const CHUNK = 16_384;
const REFUSED: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused: no program listens on that TCP port there",
  ETIMEDOUT: "it does not answer",
};

export class RadsecConnection implements UdpSocket {
  readonly #on: ConnectionEvents;
  readonly #tls: TlsStream;
  readonly #tcp: TcpStream;
  /** What waits for the end of the handshake; null: TLS is up. */
  #early: Uint8Array[] | null = [];
  #over = false;
  #heard = false;
  /** A packet that has not come whole. */
  readonly #in = new Uint8Array(LONGEST_PACKET);
  #have = 0;

  /** Takes over `tls`. */
  constructor(tcp: Tcp, to: Endpoint, tls: TlsStream, on: ConnectionEvents) {
    this.#on = on;
    this.#tls = tls;
    this.#tcp = tcp.dial(to, {
      open: () => this.#step(NOTHING),
      data: (chunk) => this.#step(chunk),
      end: (errno) =>
        this.#end(errno === "" ? this.#closed() : `no TLS: ${REFUSED[errno] ?? `it cannot be reached (${errno})`}`),
    });
  }
  /** The handshake is over, and the server is who it should be. */
  get up(): boolean {
    return !this.#early && !this.#over;
  }
  send(packet: Uint8Array): void {
    if (this.#over) return;
    if (this.#early) this.#early.push(packet);
    else if (this.#tls.write(packet)) this.#flush();
    // else the next bytes that come, or their end, say why
  }
  close(): void {
    if (this.#over) return;
    if (this.up && this.#tls.write(NOTHING)) this.#flush();
    this.#stop();
  }
  #stop(): void {
    this.#over = true;
    this.#early = null;
    this.#tls.close();
    this.#tcp.close();
  }
  #end(why: string, lasting = false): void {
    if (this.#over) return;
    this.#stop();
    this.#on.ended(why, lasting);
  }
  /** An alert may be lost on the way: what it would have said, as a question. */
  #closed(): string {
    const asks = this.#heard ? "" : ": does it accept this machine and its certificate (tls_cert)?";
    return `it closed the connection${asks}`;
  }
  #flush(): void {
    const out = this.#tls.output();
    if (out.length > 0) this.#tcp.send(out);
  }
  #step(chunk: Uint8Array): void {
    if (this.#over) return;
    const state = this.#tls.step(chunk);
    this.#flush(); // after a failure an alert, which tells the server why
    if (state === "going") return;
    if (state !== "done") return this.#failed(state);
    const early = this.#early ?? [];
    this.#early = null;
    for (const packet of early) this.send(packet);
    const piece = new Uint8Array(CHUNK);
    while (!this.#over) {
      const n = this.#tls.read(piece);
      if (n > 0) {
        this.#packets(piece.subarray(0, n));
        continue;
      }
      if (n === 0) return this.#flush(); // an answer of TLS itself, such as to a KeyUpdate
      this.#flush();
      return this.#failed(this.#tls.step(NOTHING));
    }
  }
  #packets(data: Uint8Array): void {
    for (let at = 0; at < data.length && !this.#over; ) {
      const want = this.#have < HEADER ? HEADER : get16(this.#in, 2);
      const n = Math.min(want - this.#have, data.length - at);
      this.#in.set(data.subarray(at, at + n), this.#have);
      this.#have += n;
      at += n;
      if (this.#have < HEADER) return;
      const length = get16(this.#in, 2);
      if (length < HEADER || length > LONGEST_PACKET) return this.#end("what it sends is not RADIUS");
      if (this.#have < length) continue;
      this.#have = 0;
      this.#heard = true;
      this.#on.packet(this.#in.slice(0, length));
    }
  }
  #failed(state: TlsState): void {
    const why = printable(this.#tls.why());
    switch (state) {
      case "distrust":
        return this.#end(`its certificate is not accepted: ${why}; check tls_ca, tls_name and the clock`, true);
      case "alert":
        return /certificate|unknown ca|access denied/i.test(why)
          ? this.#end(`it rejects our certificate (tls_cert): ${why}`, true)
          : this.#end(`it ends TLS: ${why}`);
      default:
        return this.#end(why === "closed" ? this.#closed() : `TLS fails: ${why}`);
    }
  }
}
