// A TLS client of the library as an object.
import type { Flat } from "./flat.ts";
import type { TlsClient, TlsParams, TlsState } from "./types.ts";

const STATES: readonly TlsState[] = ["going", "done", "confirmed", "distrust", "alert", "broken"];
const WORDS = 200;
const CHUNK = 4096;

export function ascii(b: Uint8Array): string {
  let s = "";
  for (const c of b) s += c >= 0x20 && c < 0x7f ? String.fromCharCode(c) : "?";
  return s;
}

export function tlsClient(flat: Flat, p: TlsParams): TlsClient | string | null {
  const words = new Uint8Array(WORDS);
  const handle = flat.tlsNew(p.ca, p.cert, p.key, p.serverName ?? "", words);
  if (handle === 0) return null;
  if (handle < 0) return ascii(words.subarray(0, -handle));
  return {
    step: (data) => STATES[flat.tlsStep(handle, data)] ?? "broken",
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
