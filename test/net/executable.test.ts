// The host of the QuickJS executable: a fair loop, descriptors above 1023, errors that nobody catches.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, test } from "node:test";
import { fileOf, run } from "./harness.ts";

interface Build {
  buildExecutable(out: string, options: { test: boolean }): Promise<string>;
  bundle(entry: string): Promise<{ script: string; map: string }>;
  positions(script: string, map: string): { table: string; lines: string };
  toBytecode(script: string, out: string, lines: string): Promise<void>;
}

const skip = existsSync(fileOf("qjs")) ? false : "dist/l2tpsec is not built: no engine source (scripts/quickjs)";

test("the bytecode has names of functions and properties, and no names of variables", { skip }, async () => {
  const build = (await import(`${process.cwd()}/src/runtime/quickjs/build.mjs`)) as Build;
  const dir = mkdtempSync(`${tmpdir()}/l2tpsec-host-`);
  try {
    const script =
      "const outerOne = 1;\nexport function named(argumentOne) { const localOne = [outerOne, outerOne];\n" +
      "let { propertyOne } = argumentOne; return () => [propertyOne, localOne];\n}\n";
    await build.toBytecode(script, `${dir}/b`, "");
    const text = readFileSync(`${dir}/b`, "latin1");
    for (const [name, there] of Object.entries({
      named: true,
      propertyOne: true,
      argumentOne: false,
      localOne: false,
      outerOne: false,
    })) {
      assert.equal(text.includes(name), there, name);
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
});

describe("the host", { skip }, () => {
  /** Runs TypeScript on the host; `$DIR` in it is a folder of its own. */
  async function onHost(
    source: string,
    limit = 20_000,
  ): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const build = (await import(`${process.cwd()}/src/runtime/quickjs/build.mjs`)) as Build;
    const dir = mkdtempSync(`${tmpdir()}/l2tpsec-host-`);
    try {
      writeFileSync(`${dir}/script.ts`, source.replaceAll("$DIR", dir).replaceAll("$SRC", `${process.cwd()}/src`));
      const { script, map } = await build.bundle(`${dir}/script.ts`);
      const { table, lines } = build.positions(script, map);
      writeFileSync(`${dir}/sources.txt`, table);
      await build.toBytecode(script, `${dir}/script.bin`, lines);
      await build.buildExecutable(`${dir}/host`, { test: true });
      return await run("timeout", [
        String(limit / 1000),
        "sh",
        "-c",
        `ulimit -n 4096; exec ${dir}/host ${dir}/script.bin`,
      ]);
    } finally {
      rmSync(dir, { recursive: true });
    }
  }

  test("no descriptor starves another, whatever the order, and timers of no time starve none", async () => {
    const r = await onHost(`
      const sys = globalThis.host, counts = [0, 0, 0];
      sys.listen("$DIR/s");
      counts.forEach((_, i) => sys.watch(sys.connect("$DIR/s"), 2, () => {
        if (++counts[i] === 20000 || counts.reduce((a, b) => a + b) === 60000) {
          sys.out(1, JSON.stringify({ counts, ticks }) + "\\n"); sys.exit(0);
        }
      }));
      let ticks = 0;
      sys.onAlarm = () => { ticks++; sys.alarm(0); };
      sys.alarm(0);
    `);
    assert.equal(r.code, 0, r.stderr);
    const { counts, ticks } = JSON.parse(r.stdout) as { counts: number[]; ticks: number };
    assert.ok(Math.min(...counts) > 19_900, r.stdout);
    assert.ok(ticks > 19_000, r.stdout);
  });
  test("descriptors above 1023", async () => {
    const r = await onHost(`
      const sys = globalThis.host, l = sys.listen("$DIR/s");
      let fd = 0;
      for (let i = 0; i < 1100; i++) {
        fd = sys.connect("$DIR/s"); const peer = sys.accept(l); if (i === 1099) sys.write(peer, Uint8Array.of(7), 0);
      }
      sys.watch(fd, 1, () => {
        const b = new Uint8Array(4); sys.out(1, fd + " " + sys.read(fd, b) + " " + b[0]); sys.exit(0); });
    `);
    assert.match(r.stdout, /^(1[1-9]|2)\d\d\d? 1 7$/);
  });
  for (const [what, code] of [
    ["an error in a timer", "sys.onAlarm = () => { boom(); }; sys.alarm(0);"],
    ["an error in a descriptor's handler", "sys.listen('$DIR/s'); sys.watch(sys.connect('$DIR/s'), 2, () => boom());"],
    ["a rejection that nobody handles", "Promise.resolve().then(() => boom());"],
  ] as const) {
    test(`${what} ends the process with file and line`, async () => {
      const r = await onHost(`import { inSources } from "$SRC/runtime/quickjs/positions.ts";
        const sys = globalThis.host;
        sys.onUncaught = (e) => void sys.out(2, e.message + "\\n" + 
          inSources(new Uint8Array(sys.readFile("$DIR/sources.txt")), e.stack));
        // a line that is not in the bundle
        function boom() {
          throw new Error("boom");
        }
        ${code}
      `);
      assert.equal(r.code, 1);
      assert.match(r.stderr, /^boom\n\s+at \w+ \(.*script\.ts:7\)/);
    });
  }
  test("and all of them together do not, where the program says so", async () => {
    const r = await onHost(`
      const sys = globalThis.host, said = [];
      sys.onUncaught = (e) => { said.push(e.message); return true; };
      Promise.resolve().then(() => { throw new Error("rejection 1"); });
      Promise.resolve().then(() => { throw new Error("rejection 2"); });
      const handled = Promise.reject(new Error("handled"));
      handled.catch(() => {});
      sys.listen("$DIR/s");
      const w = sys.watch(sys.connect("$DIR/s"), 2, () => { sys.unwatch(w); throw new Error("descriptor"); });
      let n = 0;
      sys.onAlarm = () => {
        sys.alarm(sys.now() + 1);
        if (++n <= 3) throw new Error("timer " + n);
        sys.out(1, said.sort().join("\\n"));
        sys.exit(0);
      };
      sys.alarm(sys.now() + 5);
    `);
    assert.equal(r.code, 0, r.stderr);
    assert.deepEqual(r.stdout.split("\n"), [
      "descriptor",
      "rejection 1",
      "rejection 2",
      "timer 1",
      "timer 2",
      "timer 3",
    ]);
  });
  test("a program with nothing left to wait for has ended", async () => {
    assert.equal((await onHost("Promise.resolve().then(() => {});")).code, 0);
  });
  test("system failures have code, errno and syscall; wrong arguments are refused", async () => {
    const r = await onHost(`
      const sys = globalThis.host, said = [];
      const words = (e) => [e.name, e.code, e.errno, e.syscall].map(String).join(" ");
      const t = (f) => { try { f(); said.push("nothing"); } catch (e) { said.push(words(e)); } };
      t(() => sys.readFile("/nonexistent")); t(() => sys.connect("$DIR/none")); 
      t(() => sys.connect("x".repeat(200))); t(() => sys.write(1, new Uint8Array(2), 3));
      t(() => sys.watch(999, 1, () => {})); t(() => sys.spawn([])); t(() => sys.spawn(["/nonexistent"]));
      sys.out(1, said.join("\\n")); sys.exit(0);
    `);
    assert.deepEqual(r.stdout.split("\n"), [
      "Error ENOENT -2 open",
      "Error ENOENT -2 connect",
      "Error ENAMETOOLONG -36 socket",
      "RangeError undefined undefined undefined",
      "Error EBADF -9 epoll_ctl",
      "RangeError undefined undefined undefined",
      "Error ENOENT -2 spawn",
    ]);
  });
  test("names: addresses, or a code", async () => {
    const r = await onHost(`
      const sys = globalThis.host;
      sys.resolve("localhost", (code, all) => sys.resolve("no.such.name.invalid", (c2, none) => {
        sys.out(1, code + " " + all.join() + " " + (c2 !== null) + none.length); sys.exit(0); }));
    `);
    assert.match(r.stdout, /^null \S*127\.0\.0\.1\S* true0$/);
  });
});
