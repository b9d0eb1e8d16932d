// Daily times in which a link stays down. They are local wall-clock times, so the clock is looked at again every few
// minutes: it may be set, and summer time begins. A clock that has not been set yet holds nothing back, or no call
// could ever set it.
import type { Clock, Timer } from "../core/clock.ts";
import { DAY, type DayTime, endOf, timeOfDay } from "../core/daytime.ts";
import type { EventLog } from "../core/events.ts";
import type { Host } from "../ports/ports.ts";

const MINUTE_MS = 60_000;
const LOOK_MS = 5 * MINUTE_MS;
/** 2020: a machine without a clock of its own starts in 1970, or at the day its system was built. */
const SET_MS = 1_577_836_800_000;

export class Hold {
  readonly #deps: { readonly clock: Clock; readonly host: Host; readonly log: EventLog };
  readonly #link: string;
  readonly #times: readonly DayTime[];
  readonly #changed: () => void;
  readonly #look: Timer;
  #was = false;
  #warned = false;

  /** `changed` is called when a period starts or ends, between watch() and stop(). */
  constructor(
    deps: { readonly clock: Clock; readonly host: Host; readonly log: EventLog },
    link: string,
    times: readonly DayTime[],
    changed: () => void,
  ) {
    this.#deps = deps;
    this.#link = link;
    this.#times = times;
    this.#changed = changed;
    this.#look = deps.clock.timer(`${link} hold`, () => this.#tick());
  }
  /** Until when the link is to stay down, and how long that is; null: it need not. */
  now(): { readonly until: string; readonly ms: number } | null {
    if (this.#times.length === 0) return null;
    const wall = this.#deps.host.wallClock();
    if (wall < SET_MS) {
      if (!this.#warned)
        this.#deps.log.emit({
          kind: "daemon.warning",
          link: this.#link,
          text: "the clock is not set: hold is ignored until it is",
        });
      this.#warned = true;
      return null;
    }
    const ms = this.#msOfDay(wall);
    const end = endOf(this.#times, Math.floor(ms / MINUTE_MS));
    if (end === null) return null;
    return {
      until: timeOfDay(Math.max(0, end)),
      ms: (((end * MINUTE_MS - ms) % (DAY * MINUTE_MS)) + DAY * MINUTE_MS) % (DAY * MINUTE_MS),
    };
  }
  watch(): void {
    if (this.#times.length === 0) return;
    this.#was = this.now() !== null;
    this.#arm();
  }
  stop(): void {
    this.#look.disarm();
  }

  #tick(): void {
    const is = this.now() !== null;
    const turned = is !== this.#was;
    this.#was = is;
    this.#arm();
    if (turned) this.#changed();
  }
  /** Milliseconds to the next start or end of a period, at most LOOK_MS. */
  #arm(): void {
    const ms = this.#msOfDay(this.#deps.host.wallClock());
    const next = this.#times
      .flatMap((t) => [t.from, t.to % DAY])
      .map((m) => (m * MINUTE_MS - ms + DAY * MINUTE_MS) % (DAY * MINUTE_MS));
    this.#look.arm(Math.min(LOOK_MS, ...next.filter((x) => x > 0)));
  }
  #msOfDay(wall: number): number {
    const local = wall + (this.#deps.host.localOffset?.() ?? 0) * MINUTE_MS;
    return ((local % (DAY * MINUTE_MS)) + DAY * MINUTE_MS) % (DAY * MINUTE_MS);
  }
}
