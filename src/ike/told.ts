// What the log is told of a connection, whichever version of IKE it speaks.
import { formatEndpoint } from "../core/addr.ts";
import type { Event } from "../core/events.ts";
import type { Endpoint } from "../ports/ports.ts";
import type { IkeEnv } from "./types.ts";

/** Without its link and its peer. */
export type Told = Event extends infer E
  ? E extends { link: string; peer: string }
    ? Omit<E, "link" | "peer">
    : never
  : never;

export function tell({ log }: Pick<IkeEnv, "log">, link: string, peer: Endpoint, e: Told): void {
  log.emit({ link, peer: formatEndpoint(peer), ...e } as Event);
}
