// How an unexpected error is reported.
import type { Failure, Layer } from "./errors.ts";
import type { Event } from "./events.ts";

const FRAMES = 12;

/** `where`: what it ended, in words of ours. */
export function faultEvent(link: string, where: string, e: unknown): Event {
  return { kind: "daemon.fault", link, where, text: textOf(e), stack: framesOf(e) };
}

/** Why something ended by a fault; `e` has been logged. */
export function internal(layer: Layer, e: unknown): Failure {
  return {
    layer,
    code: "internal",
    text: `an error of this program ended it (daemon.fault in the log says where): ${textOf(e)}`,
  };
}

/** Messages of our own code have no secrets in them. An engine's may quote what it was given, and that is left out. */
function textOf(e: unknown): string {
  if (!(e instanceof Error)) return `thrown: ${typeof e}`;
  const said = e instanceof SyntaxError ? "" : e.message.replace(/\. Received .*/s, "");
  return said === "" ? e.name : `${e.name}: ${said}`;
}
/** Innermost first, in one line. */
function framesOf(e: unknown): string {
  const stack = e instanceof Error ? (e.stack ?? "") : "";
  const frames = stack.split("\n").flatMap((l) => /^\s*at (.*)$/.exec(l)?.[1] ?? []);
  return frames.slice(0, FRAMES).join(" < ");
}
