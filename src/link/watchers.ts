// Who follows a link: doctor, other links. What goes wrong there is theirs.
import type { Failure } from "../core/errors.ts";
import type { EventLog } from "../core/events.ts";
import { faultEvent } from "../core/fault.ts";
import { contain } from "../core/scope.ts";
import type { Stage } from "./status.ts";

export type News = Stage | Failure | "up";

export class Watchers {
  readonly #all = new Set<(news: News) => void>();
  readonly #link: string;
  readonly #log: EventLog;
  constructor(link: string, log: EventLog) {
    this.#link = link;
    this.#log = log;
  }
  /** From now on. Returns its end. */
  add(f: (news: News) => void): () => void {
    this.#all.add(f);
    return () => void this.#all.delete(f);
  }
  tell(news: News): void {
    for (const f of this.#all)
      contain(
        () => f(news),
        (e) => this.#log.emit(faultEvent(this.#link, "a follower of the link", e)),
      );
  }
}
