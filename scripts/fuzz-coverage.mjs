// What code of a bundle has run, by V8's own block coverage: which inputs are worth keeping.
import { Session } from "node:inspector";

/** Two sorted lists of disjoint [start, end): what both have. */
function intersect(a, b) {
  const out = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const start = Math.max(a[i][0], b[j][0]);
    const end = Math.min(a[i][1], b[j][1]);
    if (start < end) out.push([start, end]);
    if (a[i][1] < b[j][1]) i++;
    else j++;
  }
  return out;
}
const size = (list) => list.reduce((n, [start, end]) => n + end - start, 0);

/** The parts of a function that did not run: ranges are nested, the inner one says. */
function idle([whole, ...inner]) {
  const out = [];
  const cut = (from, to) => {
    if (from < to) out.push([from, to]);
  };
  const covered = []; // of the ranges we are inside of, those with a count of their own
  let at = whole.startOffset;
  const state = () => (covered.at(-1) ?? whole).count === 0;
  const upTo = (offset) => {
    while (covered.length > 0 && covered.at(-1).endOffset <= offset) {
      const end = covered.at(-1).endOffset;
      if (state()) cut(at, end);
      at = Math.max(at, end);
      covered.pop();
    }
    if (state()) cut(at, offset);
    at = Math.max(at, offset);
  };
  for (const r of inner) {
    upTo(r.startOffset);
    covered.push(r);
  }
  upTo(whole.endOffset);
  return out;
}

export class Coverage {
  #session = new Session();
  #wanted;
  /** By function: what has not run yet. */
  #idle = new Map();

  /** `wanted(url)` says which scripts count. */
  constructor(wanted) {
    this.#wanted = wanted;
    this.#session.connect();
    this.#session.post("Profiler.enable");
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }
  /**
   * What ran since the last call: whether anything of it is `fresh`, that is to say not remembered; `remember()` does.
   */
  look() {
    const ran = [];
    this.#session.post("Profiler.takePreciseCoverage", (error, answer) => {
      if (error) throw new Error(error.message);
      for (const script of answer.result) {
        if (!this.#wanted(script.url)) continue;
        for (const f of script.functions) {
          if (f.ranges[0].count === 0) continue;
          const key = `${script.scriptId}:${f.ranges[0].startOffset}:${f.ranges[0].endOffset}`;
          if (this.#idle.get(key)?.length !== 0) ran.push([key, f.isBlockCoverage ? idle(f.ranges) : []]);
        }
      }
    });
    const left = ([key, now]) => {
      const before = this.#idle.get(key);
      return before ? intersect(before, now) : now;
    };
    return {
      fresh: ran.some((r) => !this.#idle.has(r[0]) || size(left(r)) < size(this.#idle.get(r[0]))),
      remember: () => {
        for (const r of ran) this.#idle.set(r[0], left(r));
      },
    };
  }
  /** Once or more. */
  close() {
    this.#session.disconnect();
  }
}
