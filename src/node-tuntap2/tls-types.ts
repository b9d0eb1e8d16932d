// TLS clients in memory.

export interface TlsParams {
  /** PEM. `ca` is never empty: the server's certificate is always verified. */
  readonly ca: Uint8Array;
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
  /** The host name or address that the server's certificate must be for; null: any. */
  readonly serverName: string | null;
}
/**
 * done: the handshake is complete, with TLS 1.3 the server may still refuse us; confirmed: it said so (RFC 9190 §2.5).
 * distrust: we do not accept its certificate; alert: it does not accept us.
 */
export type TlsState = "going" | "done" | "confirmed" | "distrust" | "alert" | "broken";
interface Tls {
  /** Feeds received bytes, whole records or parts; an empty array starts the handshake. */
  step(data: Uint8Array): TlsState;
  /** Bytes to send since the last call, alerts included. */
  output(): Uint8Array;
  /** Reason for one of the last three states, in OpenSSL's words. */
  why(): string;
  /** Wipes the keys. No other method may be called afterwards. */
  close(): void;
}
/** A TLS client, 1.2 or 1.3, in memory, that carries data once it is done. */
export interface TlsStream extends Tls {
  /** Bytes that have come; 0: none now; -1: it is over, and step() says how. */
  read(into: Uint8Array): number;
  /** For the output, at most 256 KiB; no bytes: close_notify. False: it is over. */
  write(data: Uint8Array): boolean;
}
/** A TLS client, 1.2 or 1.3, in memory, for its handshake and keys alone. */
export interface TlsClient extends Tls {
  version(): "1.2" | "1.3";
  /** Keying material of the session (RFC 5705), null before it is done. An empty context is none. */
  export(label: string, context: Uint8Array, length: number): Uint8Array | null;
}
