// Where a line of the bundle comes from. The table, made at build time (build.mjs): the names of the sources, one a
// line, an empty line, then for every line of the bundle its line there, twice, and one more where the source (index +
// 1; 0: none) is another one, which follows; all as LEB128 differences.
import { fromUtf8 } from "../../core/text.ts";

interface Position {
  readonly file: string;
  readonly line: number;
}

function signed(v: number): number {
  return v & 1 ? -(v >>> 1) - 1 : v >>> 1;
}
/** Null for a line that comes from nowhere, or a table that is cut off. */
export function positionOf(table: Uint8Array, wanted: number): Position | null {
  let at = 0;
  while (at < table.length && !(table[at] === 0x0a && table[at + 1] === 0x0a)) at++;
  const names = fromUtf8(table.subarray(0, at)).split("\n");
  at += 2;
  const next = (): number => {
    let v = 0;
    for (let shift = 0; at < table.length; shift += 7) {
      const b = table[at++] as number;
      v |= (b & 0x7f) << shift;
      if (b < 0x80) break;
    }
    return v;
  };
  let source = 0;
  let line = 0;
  for (let i = 1; i <= wanted; i++) {
    if (at >= table.length) return null;
    const v = next();
    line += signed(v >>> 1);
    if (v & 1) source += signed(next());
  }
  const file = source > 0 ? names[source - 1] : undefined;
  return file === undefined ? null : { file, line };
}

/** A stack trace of the engine, with every "(l2tpsec:LINE:COLUMN)" replaced by file and line of the source. */
export function inSources(table: Uint8Array, stack: string): string {
  return stack.replace(/\bl2tpsec:(\d{1,9})(:\d+)?/g, (whole, line: string) => {
    const p = positionOf(table, Number(line));
    return p === null ? whole : `${p.file}:${p.line}`;
  });
}
