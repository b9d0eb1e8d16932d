// l2tpsec export and import.
import type { Files } from "../config/source.ts";
import { type Change, exported, imported } from "../config/transfer.ts";
import { UciSyntaxError } from "../config/uci.ts";
import { SystemError } from "../core/errors.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Call } from "./command.ts";

/** For files that hold secrets and are new. */
const PRIVATE = 0o600;

/** The files that the call names, as they are; one that is not there is empty, when `absent` allows it. */
export function filesOf({ rt, values }: Call, absent: boolean): Files {
  const read = (path: string): { path: string; text: string } => {
    try {
      return { path, text: rt.host.readFile(path) };
    } catch (e) {
      if (!absent || !(e instanceof SystemError) || e.errno !== "ENOENT") throw e;
      return { path, text: "" };
    }
  };
  const dir = values.get("--uci")?.replace(/\/$/, "");
  if (dir === undefined) return { format: "ini", texts: new Map([["", read(values.get("--config") ?? "")]]) };
  return { format: "uci", texts: new Map(["network", "l2tpsec"].map((f) => [f, read(`${dir}/${f}`)])) };
}

/** A command that deals with files: what the system refuses is a sentence and exit code 1. */
function withFiles(run: (c: Call) => void): (c: Call) => void {
  return (c) => {
    c.rt.noDumps();
    try {
      run(c);
    } catch (e) {
      if (!(e instanceof SystemError)) throw e;
      c.rt.stderr(`l2tpsec: ${e.message}\n`);
      c.rt.exit(1);
    }
  };
}

export const exportAll = withFiles((c) => {
  const { rt, values, flags } = c;
  const files = filesOf(c, true);
  let text: string;
  try {
    text = exported(files, flags.has("--secrets"));
  } catch (e) {
    if (!(e instanceof UciSyntaxError)) throw e;
    const paths = [...files.texts.values()].map((f) => f.path).join(", ");
    rt.stderr(`${paths}: line ${e.line}: ${e.message}\n`);
    return rt.exit(2);
  }
  const output = values.get("--output");
  if (output === undefined) rt.stdout(text);
  else rt.replaceFiles([{ path: output, text }], PRIVATE);
  rt.exit(0);
});

export const importFile = withFiles((c) => {
  const path = c.words[0] ?? "";
  const given = { path, text: c.rt.host.readFile(path) };
  const change = imported(given, filesOf(c, true), c.flags.has("--merge"));
  if (!("faults" in change)) for (const s of change.sections) c.rt.stdout(`${s}\n`);
  if ("faults" in change || !c.flags.has("--dry-run")) return apply(c.rt, change);
  c.rt.exit(0);
});

/** Writes a change, or says its faults. */
export function apply(rt: Runtime, change: Change): void {
  if ("faults" in change) {
    for (const f of change.faults) rt.stderr(`${f}\n`);
    return rt.exit(2);
  }
  rt.replaceFiles(change.files, PRIVATE);
  for (const f of change.files) rt.stdout(`${f.path}: written\n`);
  const what = change.sections.length === 1 ? "1 section" : `${change.sections.length} sections`;
  rt.stdout(`${what}: good. A running daemon reads it again by: l2tpsec reload\n`);
  rt.exit(0);
}
