// EAP-TLS (RFC 5216; RFC 9190 with TLS 1.3) as authenticatee: fragments in and out, and what the end of a handshake
// means. The handshake itself is done behind the port TlsClients. Left out: resumption, and the authenticator's side.
import { NO_BYTES, Reader } from "../../core/bytes.ts";
import { DecodeError, type Failure } from "../../core/errors.ts";
import { Secret } from "../../core/secret.ts";
import { concat } from "../../core/text.ts";
import { printable } from "../../core/words.ts";
import type { TlsClient, TlsClients, TlsState } from "../../ports/ports.ts";
import { failure } from "../words.ts";

/** PEM texts; `serverName` null: a certificate of `ca` for any name. */
export interface EapTlsCredentials {
  readonly ca: Uint8Array;
  readonly cert: Uint8Array;
  readonly key: Secret;
  readonly serverName: string | null;
}

// RFC 5216 §3.1
const LENGTH = 0x80;
const MORE = 0x40;
const START = 0x20;
/** Of one message, in bytes. */
const MAX_MESSAGE = 65_536;
/** Of our fragments: with all headers they fit an MRU of 576. */
const FRAGMENT = 500;
const MSK_BYTES = 64;

/** An answer is the type's data of our Response; `proved`: the server has shown who it is, and takes us. */
type EapTlsStep = { readonly answer: Uint8Array; readonly proved: boolean } | { readonly failed: Failure };

export class EapTls {
  readonly #clients: TlsClients | null;
  readonly #credentials: EapTlsCredentials;
  #tls: TlsClient | null = null;
  #in: Uint8Array[] = [];
  #inBytes = 0;
  /** The length that the server announced; -1: none. */
  #announced = -1;
  #out = NO_BYTES;
  #sent = 0;
  #proved = false;
  #done = false;
  #msk: Secret | null = null;
  #refused: Failure | null = null;

  constructor(clients: TlsClients | null, credentials: EapTlsCredentials) {
    this.#clients = clients;
    this.#credentials = credentials;
  }
  /**
   * What went wrong while the exchange goes on: our alert, or the answer to the server's, leaves before its Failure
   * comes.
   */
  get refused(): Failure | null {
    return this.#refused;
  }
  /** TLS 1.3 is through at our end, and the server's protected word is missing. */
  get unconfirmed(): boolean {
    return this.#done && !this.#proved && !this.#refused;
  }
  /** The MSK's 64 bytes (RFC 5216 §2.3), once proved; this object's own, wiped by stop(). */
  keyMaterial(): Secret | null {
    return this.#proved ? this.#msk : null;
  }
  stop(): void {
    this.#tls?.close();
    this.#tls = null;
    this.#msk?.wipe();
    this.#msk = null;
    this.#begin();
    this.#out = NO_BYTES;
    this.#sent = 0;
    this.#proved = false;
    this.#done = false;
    this.#refused = null;
  }
  #begin(): void {
    this.#in = [];
    this.#inBytes = 0;
    this.#announced = -1;
  }

  /** Type 13 of a new Request, without the type. Throws DecodeError; then nothing has changed. */
  input(data: Uint8Array): EapTlsStep {
    const r = new Reader(data);
    const flags = r.u8("EAP-TLS flags");
    const length = (flags & LENGTH) !== 0 ? r.u32("EAP-TLS length") : -1;
    const piece = r.rest();
    if ((flags & START) !== 0) return this.#start();
    if (!this.#tls) throw new DecodeError("bad-value", "EAP-TLS without a start", 0);
    if (this.#sent < this.#out.length) {
      if (piece.length > 0) throw new DecodeError("bad-value", "EAP-TLS acknowledgement", 1);
      return this.#fragment();
    }
    const more = (flags & MORE) !== 0;
    const whole = this.#announced >= 0 ? this.#announced : length;
    const end = this.#inBytes + piece.length;
    const fits = whole < 0 || (more ? end < whole : end === whole);
    if (end > MAX_MESSAGE || whole > MAX_MESSAGE || !fits || (more && piece.length === 0))
      throw new DecodeError("bad-length", "EAP-TLS message", 1);
    this.#announced = whole;
    this.#in.push(piece.slice());
    this.#inBytes = end;
    if (more) return { answer: Uint8Array.of(0), proved: false };
    const message = concat(this.#in);
    this.#begin();
    return this.#step(this.#tls, message);
  }

  #start(): EapTlsStep {
    this.stop();
    const { ca, cert, key, serverName } = this.#credentials;
    const tls = key.use((bytes) => this.#clients?.tlsClient({ ca, cert, key: bytes, serverName }) ?? null);
    if (tls === null)
      return {
        failed: failure(
          "no-tls",
          "EAP-TLS needs libssl (libssl.so.3), which is not installed: install OpenSSL's library",
        ),
      };
    if (typeof tls === "string")
      return { failed: failure("bad-certificate", `EAP-TLS cannot start: eap_${printable(tls)}`) };
    this.#tls = tls;
    return this.#step(tls, NO_BYTES);
  }
  #step(tls: TlsClient, message: Uint8Array): EapTlsStep {
    const state = tls.step(message);
    this.#out = tls.output(); // after a failure an alert, which tells the server why
    this.#sent = 0;
    this.#done = state === "done";
    this.#refused ??= refusal(state, printable(tls.why()));
    // With TLS 1.3 our part ends before the server has looked at our certificate: its protected word counts (RFC 9190
    // §2.5).
    if (!this.#proved && (state === "confirmed" || (state === "done" && tls.version() === "1.2"))) this.#prove(tls);
    return this.#fragment();
  }
  #prove(tls: TlsClient): void {
    const all =
      tls.version() === "1.3"
        ? tls.export("EXPORTER_EAP_TLS_Key_Material", Uint8Array.of(13), 2 * MSK_BYTES) // RFC 9190 §2.3
        : tls.export("client EAP encryption", NO_BYTES, 2 * MSK_BYTES);
    if (!all) {
      this.#refused = failure("tls-failed", "the TLS session yields no keys (EAP-TLS)");
      return;
    }
    this.#msk = new Secret(all.slice(0, MSK_BYTES));
    all.fill(0);
    this.#proved = true;
  }
  #fragment(): EapTlsStep {
    const whole = this.#out.length;
    const first = this.#sent === 0;
    const piece = this.#out.subarray(this.#sent, this.#sent + FRAGMENT);
    this.#sent += piece.length;
    const more = this.#sent < whole;
    const head = first && more ? [LENGTH | MORE, whole >>> 24, whole >>> 16, whole >>> 8, whole] : [more ? MORE : 0];
    return { answer: concat([Uint8Array.from(head), piece]), proved: this.#proved && !more && !this.#refused };
  }
}

function refusal(state: TlsState, words: string): Failure | null {
  switch (state) {
    case "distrust":
      return failure(
        "server-certificate",
        `the server's certificate is not accepted (EAP-TLS): ${words}; check eap_ca, eap_server_name and the clock`,
      );
    case "alert":
      return /certificate|unknown ca|access denied/i.test(words)
        ? failure("client-certificate", `the server rejects this side's certificate (EAP-TLS): ${words}`)
        : failure("tls-failed", `the server ends the TLS handshake (EAP-TLS): ${words}`);
    case "broken":
      return failure("tls-failed", `the TLS handshake fails (EAP-TLS): ${words}`);
    case "going":
    case "done":
    case "confirmed":
      return null;
  }
}
