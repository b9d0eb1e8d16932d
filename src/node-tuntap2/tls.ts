// TLS clients of the library as objects.
import type { Flat } from "./flat.ts";
import type { TlsClient, TlsParams, TlsState, TlsStream } from "./tls-types.ts";

const STATES: readonly TlsState[] = ["going", "done", "confirmed", "distrust", "alert", "broken"];
const WORDS = 200;
const CHUNK = 4096;

export function ascii(b: Uint8Array): string {
  let s = "";
  for (const c of b) s += c >= 0x20 && c < 0x7f ? String.fromCharCode(c) : "?";
  return s;
}

/** Both kinds. */
function tls(flat: Flat, p: TlsParams, stream: boolean): (TlsClient & TlsStream) | string | null {
  const words = new Uint8Array(WORDS);
  const handle = flat.tlsNew(p.ca, p.cert, p.key, p.serverName ?? "", stream, words);
  if (handle === 0) return null;
  if (handle < 0) return ascii(words.subarray(0, -handle));
  return {
    step: (data) => STATES[flat.tlsStep(handle, data)] ?? "broken",
    read: (into) => flat.tlsRead(handle, into),
    write: (data) => flat.tlsWrite(handle, data) === 0,
    output() {
      const parts: number[] = [];
      const chunk = new Uint8Array(CHUNK);
      for (;;) {
        const n = flat.tlsOutput(handle, chunk);
        if (n === 0) return Uint8Array.from(parts);
        for (const b of chunk.subarray(0, n)) parts.push(b);
      }
    },
    why: () => ascii(words.subarray(0, flat.tlsWhy(handle, words))),
    version: () => (flat.tlsVersion(handle) >= 0x0304 ? "1.3" : "1.2"),
    export(label, context, length) {
      const into = new Uint8Array(length);
      return flat.tlsExport(handle, label, context, into) === 1 ? into : null;
    },
    close: () => flat.tlsClose(handle),
  };
}

export function tlsClient(flat: Flat, p: TlsParams): TlsClient | string | null {
  return tls(flat, p, false);
}
export function tlsStream(flat: Flat, p: TlsParams): TlsStream | string | null {
  return tls(flat, p, true);
}
