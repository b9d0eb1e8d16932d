// Uncaught errors, and where in the sources they were thrown.
import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";

const BUNDLE = process.argv[1] ?? "";
/** Null: none beside the bundle. Loaded when first needed: it is larger than the program. */
let map: SourceMap | null | undefined;

export function onUncaught(handler: (e: unknown) => boolean): void {
  const take = (e: unknown): void => {
    if (!handler(e)) process.exit(1);
  };
  process.on("uncaughtException", take);
  process.on("unhandledRejection", take);
  process.stderr.on("error", () => {}); // the log has no reader: not a reason to exit
}

export function inSources(stack: string): string {
  const at = `${BUNDLE}:`;
  if (BUNDLE === "" || !stack.includes(at)) return stack;
  map ??= readMap();
  return stack
    .split(" < ")
    .map((frame) => positionOf(frame, at))
    .join(" < ");
}

function positionOf(frame: string, at: string): string {
  const m = /:(\d+):(\d+)\)?$/.exec(frame);
  const from = frame.indexOf(at);
  if (!m || from < 0 || !map) return frame;
  const entry = map.findEntry(Number(m[1]) - 1, Number(m[2]) - 1);
  if (!("originalSource" in entry)) return frame;
  return (
    `${frame.slice(0, from)}${entry.originalSource.replace(/^(\.\.\/)+/, "")}:${entry.originalLine + 1}` +
    `${frame.endsWith(")") ? ")" : ""}`
  );
}

function readMap(): SourceMap | null {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${BUNDLE}.map`, "utf8")));
  } catch {
    return null;
  }
}
