// make fuzz. TypeScript: every test/fuzz/*.fuzz.ts exports `target`, or `targets`: { name, seeds: Uint8Array[],
// run(bytes) }. The seeds, and inputs that ran code which no other had run, are mutated for FUZZ_SECONDS (10) a target;
// run() must return, quickly, whatever the bytes are. Everything follows from FUZZ_SEED, which is printed. C:
// test/fuzz/native, where there is clang (fuzz-native.mjs), at the same time. FUZZ_TOTAL=seconds divides so many among
// all of them instead. FUZZ_INPUT=hex runs that one input. Arguments name targets to run. Exit 1 when a target failed.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";
import { Coverage } from "./fuzz-coverage.mjs";
import { NATIVE, noClang, runNative } from "./fuzz-native.mjs";

const DIR = "test/fuzz";
const MAX = 4096;
const SLOW = 250; // ms: a decoder that takes this long for one input is a way to stop the daemon
const BATCH = 64; // inputs between two looks at the coverage
// of the time: counting what runs makes it two to five times as slow, so the rest mutates what was found at full speed
const GUIDED = 0.4;
const seed = Number(process.env.FUZZ_SEED ?? Date.now() ^ (process.pid << 16)) >>> 0;
const wanted = process.argv.slice(2);

/** xorshift32, as good as needed and the same everywhere. */
function generator(start) {
  let x = start >>> 0 || 1;
  return (n) => {
    x ^= x << 13;
    x >>>= 0;
    x ^= x >>> 17;
    x ^= x << 5;
    x >>>= 0;
    return x % n;
  };
}

const EDGES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 0x3f, 0x40, 0x7f, 0x80, 0xfe, 0xff];
const splice = (...parts) => Uint8Array.from(parts.flatMap((p) => [...p])).subarray(0, MAX);
const mutations = [
  (b, r) => {
    // one bit
    if (b.length > 0) b[r(b.length)] ^= 1 << r(8);
    return b;
  },
  (b, r) => {
    // one byte, preferably at an edge
    if (b.length > 0) b[r(b.length)] = r(2) === 0 ? r(256) : EDGES[r(EDGES.length)];
    return b;
  },
  (b, r) => b.subarray(0, r(b.length + 1)), // cut the end
  (b, r) => b.subarray(r(b.length + 1)), // cut the beginning
  (b, r) => {
    // a 16-bit field that may be a length: near the truth, or far from it
    if (b.length < 2) return b;
    const at = r(b.length - 1);
    const left = b.length - at;
    const v = [
      0,
      1,
      3,
      4,
      5,
      6,
      left - 1,
      left,
      left + 1,
      b.length,
      0x7fff,
      0x8000,
      0xffff,
      ((b[at] << 8) | b[at + 1]) + r(5) - 2,
    ][r(14)];
    b[at] = (v >> 8) & 0xff;
    b[at + 1] = v & 0xff;
    return b;
  },
  (b, r) => {
    // a 32-bit field
    if (b.length < 4) return b;
    const at = r(b.length - 3);
    const v = [0, 28, b.length, b.length - at, 0x7fffffff, 0x80000000, 0xffffffff][r(7)];
    for (let i = 0; i < 4; i++) b[at + i] = (v >>> (24 - 8 * i)) & 0xff;
    return b;
  },
  (b, r) => {
    // insert
    const at = r(b.length + 1);
    return splice(
      b.subarray(0, at),
      Array.from({ length: 1 + r(16) }, () => r(256)),
      b.subarray(at),
    );
  },
  (b, r) => {
    // remove from the middle
    const at = r(b.length + 1);
    return splice(b.subarray(0, at), b.subarray(Math.min(b.length, at + 1 + r(16))));
  },
  (b, r) => {
    // repeat a part, perhaps many times
    if (b.length === 0) return b;
    const at = r(b.length);
    const part = b.subarray(at, at + 1 + r(Math.min(64, b.length - at)));
    return splice(
      b.subarray(0, at),
      ...Array.from({ length: 1 + r(r(8) === 0 ? 200 : 3) }, () => part),
      b.subarray(at),
    );
  },
];
function mutate(seeds, r) {
  if (seeds.length === 0 || r(50) === 0) return Uint8Array.from({ length: r(200) }, () => r(256));
  let b = Uint8Array.from(seeds[r(seeds.length)]);
  if (r(8) === 0) {
    // the head of one, the tail of another
    const other = seeds[r(seeds.length)];
    b = splice(b.subarray(0, r(b.length + 1)), other.subarray(r(other.length + 1)));
  }
  for (let n = 1 + r(r(4) === 0 ? 12 : 3); n > 0; n--) b = Uint8Array.from(mutations[r(mutations.length)](b, r));
  return b;
}
const hex = (b) => Buffer.from(b).toString("hex");

const files = existsSync(DIR)
  ? readdirSync(DIR)
      .filter((f) => f.endsWith(".fuzz.ts"))
      .sort()
  : [];
if (files.length === 0) {
  console.error(`fuzz.mjs: no ${DIR}/*.fuzz.ts`);
  process.exit(1);
}
const outdir = `.cache/fuzz-${process.pid}`;
process.on("exit", () => rmSync(outdir, { recursive: true, force: true }));
await build({
  entryPoints: files.map((f) => `${DIR}/${f}`),
  outdir,
  outbase: ".",
  outExtension: { ".js": ".mjs" },
  bundle: true,
  packages: "external",
  external: ["*.node"],
  alias: { "node-tuntap2": "./src/node-tuntap2/index.ts" },
  platform: "node",
  target: "node20",
  format: "esm",
  sourcemap: "inline",
  logLevel: "warning",
});
process.setSourceMapsEnabled(true);

// An input that never comes back is a finding, too: a second thread sees that the count stands still, and names the
// input.
const shared = new SharedArrayBuffer(8 + MAX);
const [count, view] = [new Int32Array(shared, 0, 2), new Uint8Array(shared, 8)];
const watch = new Worker(
  `const { workerData: { shared, outdir } } = require("node:worker_threads");
  const count = new Int32Array(shared, 0, 2);
  let last = -1;
  setInterval(() => {
    if (count[0] === last && count[1] >= 0) {
      const hex = Buffer.from(new Uint8Array(shared, 8, count[1])).toString("hex");
      require("node:fs").writeSync(1, "FAIL: not back after 20 s\\n  input " + hex + "\\n");
      require("node:fs").rmSync(outdir, { recursive: true, force: true });
      process.kill(process.pid, "SIGKILL");
    }
    last = count[0];
  }, 20000);`,
  { eval: true, workerData: { shared, outdir } },
);
watch.unref();
count[1] = -1; // no input yet

function attempt(target, bytes) {
  const n = Math.min(bytes.length, MAX);
  view.set(bytes.subarray(0, n));
  count[1] = n;
  count[0]++;
  const [start, spent] = [process.hrtime.bigint(), process.cpuUsage()];
  let failure = null;
  const given = Uint8Array.from(bytes); // what a target does to its input must not change the report
  try {
    target.run(given);
  } catch (e) {
    failure = e instanceof Error ? (e.stack ?? e.message) : String(e);
  }
  const wall = Number(process.hrtime.bigint() - start) / 1e6;
  // The processor's time is no longer while the machine pauses us, and longer while V8's other threads work.
  const { user, system } = process.cpuUsage(spent);
  return { failure, ms: Math.min(wall, (user + system) / 1000) };
}

const targets = [];
for (const f of files) {
  const module = await import(pathToFileURL(`${outdir}/${DIR}/${f.replace(/\.ts$/, ".mjs")}`).href);
  const all = [...(module.target ? [module.target] : []), ...(module.targets ?? [])];
  if (all.length === 0) throw new Error(`${DIR}/${f} exports neither target nor targets`);
  targets.push(...all.filter((t) => wanted.length === 0 || wanted.includes(t.name)));
}
const natives = NATIVE.filter((n) => wanted.length === 0 || wanted.includes(n));
const why = natives.length > 0 ? noClang() : null;
if (targets.length + natives.length === 0) {
  console.error(`fuzz.mjs: no target is called ${wanted.join(" ")}`);
  process.exit(1);
}
const input = process.env.FUZZ_INPUT === undefined ? undefined : Buffer.from(process.env.FUZZ_INPUT, "hex");
// Both kinds run side by side.
const share = (n) =>
  process.env.FUZZ_TOTAL === undefined
    ? Number(process.env.FUZZ_SECONDS ?? 10)
    : Number(process.env.FUZZ_TOTAL) / Math.max(1, n);
console.log(`FUZZ_SEED=${seed}`);
let failed = 0;
let rate = 0; // inputs a second, of all targets, each of which has its own share of an hour
function report(name, r) {
  const each = r.inputs / r.seconds;
  rate += each / (NATIVE.includes(name) ? natives.length : targets.length);
  const hourly = `, ${(each * 3.6e-3).toFixed(1)} million an hour`;
  console.log(`${r.ok ? "ok  " : "FAIL"} ${name}: ${r.inputs} inputs in ${r.seconds.toFixed(0)} s${hourly}${r.note}`);
  if (r.ok) return;
  failed++;
  console.log(`  input ${r.hex}\n  ${r.why.replaceAll("\n", "\n  ")}`);
  console.log(`  again: FUZZ_INPUT=${r.hex} node scripts/fuzz.mjs '${name}'`);
}

async function runC() {
  if (why !== null) for (const name of natives) console.log(`skip ${name}: ${why}`);
  else
    for (const name of natives) {
      const r = await runNative(name, { seconds: share(natives.length), seed, input });
      report(name, { ...r, note: `, ${r.edges} edges` });
    }
}

/** Keeps those of a batch that run something new: by halves, as a look costs more than many inputs. */
function hunt(target, batch, coverage, kept) {
  for (const bytes of batch) attempt(target, bytes);
  const look = coverage.look();
  if (!look.fresh) return;
  if (batch.length === 1) {
    kept.push(...batch);
    look.remember();
    return;
  }
  hunt(target, batch.slice(0, batch.length / 2), coverage, kept);
  hunt(target, batch.slice(batch.length / 2), coverage, kept);
}

async function runTarget(target) {
  const r = generator(seed);
  const coverage = new Coverage((url) => url.includes(outdir));
  const kept = [...target.seeds];
  const start = Date.now();
  const ms = share(targets.length) * 1000;
  let inputs = 0;
  let bad = null;
  const one = (bytes) => {
    inputs++;
    let { failure, ms } = attempt(target, bytes);
    if (failure === null && ms > SLOW) {
      // again, since the engine may have cleaned up just then, and once more
      for (let i = 0; i < 2 && ms > SLOW; i++) ms = attempt(target, bytes).ms;
      if (ms > SLOW) failure = `${ms.toFixed(0)} ms for ${bytes.length} bytes`;
    }
    if (failure !== null) bad ??= { bytes, failure };
  };
  for (const given of input === undefined ? target.seeds : [input]) one(given);
  coverage.look().remember();
  while (input === undefined && bad === null && Date.now() < start + ms) {
    const batch = Array.from({ length: BATCH }, () => mutate(kept, r));
    for (const bytes of batch) if (bad === null) one(bytes);
    await new Promise((resolve) => setImmediate(resolve)); // the C targets go on
    if (bad !== null || Date.now() > start + ms * GUIDED) {
      coverage.close();
      continue;
    }
    const look = coverage.look();
    if (!look.fresh) continue;
    hunt(target, batch, coverage, kept);
    look.remember(); // what one input alone does not show
  }
  coverage.close();
  count[1] = -1; // the C targets may take longer than the last of these
  const found = kept.length - target.seeds.length;
  report(target.name, {
    ok: bad === null,
    inputs,
    seconds: (Date.now() - start) / 1000,
    note: `, ${found} kept`,
    hex: bad === null ? "" : hex(bad.bytes),
    why: bad?.failure ?? "",
  });
}

const c = runC();
for (const target of targets) await runTarget(target);
await c;
console.log(`an hour of it, all targets in turn: ${(rate * 3.6e-3).toFixed(1)} million inputs`);
process.exit(failed > 0 ? 1 : 0);
