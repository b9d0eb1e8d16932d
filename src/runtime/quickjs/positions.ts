// Where a line in a stack comes from: the bytecode counts the lines of all sources on, from 1. The table, made at build
// time (build.mjs), has a line for each source: its name, a space, and how many lines it has.
import { fromUtf8 } from "../../core/text.ts";

/** "FILE:LINE"; null for a line that no source has. */
export function positionOf(table: string, line: number): string | null {
  let left = line;
  for (const source of table.split("\n")) {
    const [file = "", count] = source.split(" ");
    if (left <= Number(count)) return left > 0 ? `${file}:${left}` : null;
    left -= Number(count);
  }
  return null;
}

/** A stack trace of the engine, with every "(l2tpsec:LINE:COLUMN)" replaced by file and line of the source. */
export function inSources(table: Uint8Array, stack: string): string {
  const text = fromUtf8(table);
  return stack.replace(/\bl2tpsec:(\d{1,9})(:\d+)?/g, (whole, line: string) => positionOf(text, Number(line)) ?? whole);
}
