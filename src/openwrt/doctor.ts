// Doctor's runs, for callers that cannot wait for their end: a run takes up to a minute, and pages give up after 20 s.
// Who is answered "running" asks again, and joins the same run.
import type { DaemonApi } from "../control/server.ts";
import type { Clock } from "../core/clock.ts";
import type { Stage } from "../link/status.ts";

/** Who asks is answered within this time. */
const ANSWER_MS = 15_000;
/** The end of a run that nobody waits for is kept: they may ask again. */
const KEEP_MS = 10_000;

export interface Findings {
  readonly stages: readonly Stage[];
  readonly ok: boolean;
  /** It goes on. */
  readonly running?: true;
}
type End = { readonly ok: boolean } | { readonly error: unknown };
interface Run {
  /** The latest of each. */
  readonly stages: Map<string, Stage>;
  readonly waiting: Set<(end: End | null) => void>;
  end: End | null;
}

export class Doctor {
  readonly #api: Pick<DaemonApi, "doctor">;
  readonly #clock: Clock;
  readonly #runs = new Map<string, Run>();

  constructor(api: Pick<DaemonApi, "doctor">, clock: Clock) {
    this.#api = api;
    this.#clock = clock;
  }
  /** `found` or `refused` is called once. Throws what the daemon does not do. */
  ask(name: string, found: (f: Findings) => void, refused: (e: unknown) => void): void {
    const run = this.#runs.get(name) ?? this.#begin(name);
    const answer = (end: End | null): void => {
      late.disarm();
      run.waiting.delete(answer);
      if (end) this.#runs.delete(name);
      const stages = [...run.stages.values()];
      if (end && "error" in end) refused(end.error);
      else found(end ? { stages, ok: end.ok } : { stages, ok: false, running: true });
    };
    const late = this.#clock.timer("ubus doctor", () => answer(null));
    if (run.end) return answer(run.end);
    run.waiting.add(answer);
    late.arm(ANSWER_MS);
  }
  #begin(name: string): Run {
    const run: Run = { stages: new Map(), waiting: new Set(), end: null };
    const ended = (end: End): void => {
      run.end = end;
      for (const answer of [...run.waiting]) answer(end);
      if (this.#runs.get(name) === run)
        this.#clock.timer("ubus doctor's end", () => this.#forget(name, run)).arm(KEEP_MS);
    };
    this.#api
      .doctor(name, (s) => void run.stages.set(s.name, s))
      .then(
        (ok) => ended({ ok }),
        (error: unknown) => ended({ error }),
      );
    this.#runs.set(name, run);
    return run;
  }
  #forget(name: string, run: Run): void {
    if (this.#runs.get(name) === run) this.#runs.delete(name);
  }
}
