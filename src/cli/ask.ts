// Questions on a terminal, or answers from a pipe, one a line.
import { fromUtf8 } from "../core/text.ts";
import type { Runtime } from "../ports/runtime.ts";

const CTRL_C = 3;
const CTRL_D = 4;
const CTRL_U = 21;
const BACKSPACE: readonly number[] = [8, 127];
const NEWLINE: readonly number[] = [10, 13];
const LONGEST = 4096; // bytes of a line

/** The input ended, or the user ended it. */
export class NoAnswer extends Error {}

/** One line. With `hidden` a terminal does not show what is typed. Throws NoAnswer at the end of the input. */
function readLine(rt: Pick<Runtime, "stdin" | "stderr">, hidden: boolean): string {
  const raw = hidden && rt.stdin.raw(true);
  const line: number[] = [];
  try {
    for (;;) {
      const c = rt.stdin.read();
      if (c < 0 && line.length > 0) break;
      if (c < 0 || (raw && (c === CTRL_C || c === CTRL_D))) throw new NoAnswer("ended before the last question");
      if (NEWLINE.includes(c)) break;
      if (raw && c === CTRL_U) line.length = 0;
      else if (raw && BACKSPACE.includes(c)) erase(line);
      else if (line.length < LONGEST) line.push(c);
    }
    return fromUtf8(Uint8Array.from(line));
  } finally {
    if (raw) {
      rt.stdin.raw(false);
      rt.stderr("\n");
    }
  }
}
/** The last character, however many bytes it has. */
function erase(line: number[]): void {
  for (let c = line.pop(); c !== undefined && (c & 0xc0) === 0x80; c = line.pop());
}

/** The questions go to stderr. */
export function ask(
  rt: Pick<Runtime, "stdin" | "stderr">,
  question: string,
  o: { readonly hidden?: true } = {},
): string {
  rt.stderr(`${question}: `);
  return readLine(rt, o.hidden === true).trim();
}
