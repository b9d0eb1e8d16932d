// Further calls of a client's link, in the bundle of its first one (RFC 1990). They come and go beside it; the link
// stands while one of all does.
import type { Timer } from "../core/clock.ts";
import { type Failure, failure } from "../core/failures.ts";
import { contain } from "../core/scope.ts";
import type { Call, CallOwner } from "../l2tp/call.ts";
import type { FrameChannel } from "../ports/ports.ts";
import type { PppConfig, PppDeps, PppOwner } from "../ppp/api.ts";
import { sameEnd } from "../ppp/bundle.ts";
import { PppSession } from "../ppp/session.ts";
import type { Upper } from "../ppp/upper.ts";
import type { Ladder } from "./ladder.ts";

/** Before a call that was refused or lost is tried again. */
const AGAIN_MS = 60_000;

interface MoreUser {
  readonly ladder: Ladder;
  readonly deps: PppDeps;
  /** How many calls there are to be, the first one among them. */
  readonly links: number;
  pppConfig(): PppConfig;
  /** Null: the tunnel is gone. */
  placeCall(owner: CallOwner): Call | null;
  /** What the calls join; null: PPP is down. */
  joinable(): Upper<PppSession> | null;
  /** Whether the first call is there. */
  first(): boolean;
  watched(channel: FrameChannel, runs: boolean): void;
}

export class MoreLinks {
  readonly #user: MoreUser;
  readonly #calls = new Set<Call>();
  /** How PPP over each hears that the call is gone. */
  readonly #ends = new Map<Call, (why: Failure) => void>();
  readonly #again: Timer;

  constructor(user: MoreUser) {
    this.#user = user;
    this.#again = user.ladder.scope.timer("more links", () => this.fill());
  }
  get calls(): Iterable<Call> {
    return this.#calls;
  }
  get size(): number {
    return this.#calls.size;
  }
  /** Places the calls that are missing, once PPP is up with Multilink. */
  fill(): void {
    const { ladder, links, first } = this.#user;
    while (ladder.alive && this.#calls.size + (first() ? 1 : 0) < links) {
      const call = this.#user.placeCall({ onUp: (c) => this.#up(c), onDown: (c, why) => this.#down(c, why) });
      if (!call) return;
      this.#calls.add(call);
    }
  }
  /** Nothing is tried any more. */
  stop(): void {
    this.#again.disarm();
  }
  /** A call is missing. */
  later(): void {
    if (this.#user.ladder.alive && !this.#again.armed) this.#again.arm(AGAIN_MS);
  }
  #up(call: Call): void {
    const { deps, ladder } = this.#user;
    const { channel } = call;
    this.#user.watched(channel, true);
    let joined = false;
    const owner: PppOwner = {
      secretOf: () => null,
      admit: () => failure("role", "this side is a client and admits no callers"),
      bundle: (_, endpoint) => {
        const to = this.#user.joinable();
        joined = to !== null && sameEnd(endpoint, to.endpoint);
        return joined ? to : failure("bundle", "the call is answered by another system than the first");
      },
      onPhase: (phase) => {
        if (phase === "network" && !joined) session.stop(failure("bundle", "the server has no Multilink here"));
      },
      onUp: () => {},
      onDown: (why) => {
        this.#user.watched(channel, false);
        if (ladder.alive) ladder.emit({ kind: "daemon.warning", link: ladder.link, text: `a link: ${why.text}` });
        contain(
          () => call.close(why),
          (e) => ladder.log(e),
        );
      },
    };
    const session = new PppSession(deps, channel, this.#user.pppConfig(), owner);
    this.#ends.set(call, (why) => session.lowerDown(why));
    session.start();
  }
  #down(call: Call, why: Failure): void {
    this.#calls.delete(call);
    const end = this.#ends.get(call);
    this.#ends.delete(call);
    end?.(why);
    this.later();
  }
}
