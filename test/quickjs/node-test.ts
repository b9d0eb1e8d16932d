// node:test for the engine of the router: the few parts that the unit tests use. Reports in TAP, as node --test does.
import type { Sys } from "../../src/runtime/quickjs/sys.ts";

const { host: sys } = globalThis as unknown as { host: Sys };

interface Context {
  skip(why: string): void;
}
type Body = (t: Context) => unknown;
interface Options {
  readonly skip?: boolean | string;
  readonly timeout?: number;
}
interface Case {
  readonly name: string;
  readonly body: Body;
  readonly skip: boolean | string;
}

const cases: Case[] = [];
const suites: string[] = [];
const afterAll: (() => unknown)[] = [];

export function describe(name: string, body: () => void): void {
  suites.push(name);
  body();
  suites.pop();
}
export function test(name: string, options: Options | Body, body?: Body): void {
  const skip = typeof options === "function" ? false : (options.skip ?? false);
  cases.push({
    name: [...suites, name].join(" > "),
    body: typeof options === "function" ? options : (body ?? (() => {})),
    skip,
  });
}
export function after(f: () => unknown): void {
  afterAll.push(f);
}

/** Runs what the files declared, one after another. */
export async function runAll(where: (stack: string) => string): Promise<void> {
  const say = (text: string): void => void sys.out(1, `${text}\n`);
  const started = sys.now();
  let number = 0;
  let passed = 0;
  let skipped = 0;
  for (const c of cases) {
    number++;
    let skip = c.skip;
    const t0 = sys.now();
    try {
      if (skip === false) {
        await c.body({
          skip: (why) => {
            skip = why;
          },
        });
      }
    } catch (e) {
      say(`not ok ${number} - ${c.name}`);
      say(
        `  ${e instanceof Error ? `${e.name}: ${e.message}\n${where(e.stack ?? "")}` : String(e)}`.replaceAll(
          "\n",
          "\n  ",
        ),
      );
      continue;
    }
    if (skip === false) passed++;
    else skipped++;
    say(
      `ok ${number} - ${c.name}${skip === false ? "" : ` # SKIP ${String(skip)}`}` +
        `${sys.now() - t0 > 2000 ? ` (${((sys.now() - t0) / 1000).toFixed(1)} s)` : ""}`,
    );
  }
  for (const f of afterAll) await f();
  say(
    `# tests ${number}\n# pass ${passed}\n# fail ${number - passed - skipped}\n# skipped ${skipped}\n` +
      `# duration_ms ${Math.round(sys.now() - started)}`,
  );
  sys.exit(passed + skipped === number && number > 0 ? 0 : 1);
}
