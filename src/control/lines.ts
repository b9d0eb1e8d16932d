// Text lines over a byte stream: the framing of the control API.
import { concat, fromUtf8 } from "../core/text.ts";
import type { ByteStream } from "../ports/runtime.ts";

const LONGEST = 1 << 20; // bytes per line
const NEWLINE = 0x0a;

/** A line is at most 1 MiB without its newline; a client that sends a longer one is disconnected. */
export interface LineStream {
  send(line: string): void;
  /** Closes once everything sent has left. */
  close(): void;
  onLine: (line: string) => void;
  /** Called once, whichever side closed. */
  onClose: () => void;
}

export function lines(stream: ByteStream): LineStream {
  let parts: Uint8Array[] = []; // of the incomplete line: each byte is scanned once, however it was chunked
  let held = 0;
  let closed = false;
  const out: LineStream = {
    send: (line) => stream.send(`${line}\n`),
    close() {
      closed = true;
      stream.close();
    },
    onLine: () => {},
    onClose: () => {},
  };
  const keep = (piece: Uint8Array): void => {
    parts.push(piece);
    held += piece.length;
  };
  stream.onData = (chunk) => {
    let from = 0;
    for (let nl = chunk.indexOf(NEWLINE); nl >= 0 && !closed; nl = chunk.indexOf(NEWLINE, from)) {
      keep(chunk.subarray(from, nl));
      from = nl + 1;
      const line = fromUtf8(concat(parts));
      parts = [];
      held = 0;
      out.onLine(line);
    }
    if (closed) return;
    keep(chunk.slice(from)); // the chunk is valid only during the call
    if (held > LONGEST) out.close();
  };
  stream.onClose = () => out.onClose();
  return out;
}
