// make fuzz: every test/fuzz/*.fuzz.ts exports `target`, or `targets`: { name, seeds: Uint8Array[], run(bytes) }. The seeds
// are mutated for FUZZ_SECONDS (10) a target; run() must return, quickly, whatever the bytes are. Everything follows from
// FUZZ_SEED, which is printed: the same number gives the same inputs. FUZZ_INPUT=hex runs that one input. Arguments name
// targets to run. Exit 1 when a target failed.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";

const DIR = "test/fuzz";
const MAX = 4096;
const SLOW = 250; // ms: a decoder that takes this long for one input is a way to stop the daemon
const seconds = Number(process.env.FUZZ_SECONDS ?? 10);
const seed = Number(process.env.FUZZ_SEED ?? (Date.now() ^ (process.pid << 16))) >>> 0;
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
  (b, r) => { // one bit
    if (b.length > 0) b[r(b.length)] ^= 1 << r(8);
    return b;
  },
  (b, r) => { // one byte, preferably at an edge
    if (b.length > 0) b[r(b.length)] = r(2) === 0 ? r(256) : EDGES[r(EDGES.length)];
    return b;
  },
  (b, r) => b.subarray(0, r(b.length + 1)), // cut the end
  (b, r) => b.subarray(r(b.length + 1)), // cut the beginning
  (b, r) => { // a 16-bit field that may be a length: near the truth, or far from it
    if (b.length < 2) return b;
    const at = r(b.length - 1);
    const left = b.length - at;
    const v = [0, 1, 3, 4, 5, 6, left - 1, left, left + 1, b.length, 0x7fff, 0x8000, 0xffff, ((b[at] << 8) | b[at + 1]) + r(5) - 2][r(14)];
    b[at] = (v >> 8) & 0xff;
    b[at + 1] = v & 0xff;
    return b;
  },
  (b, r) => { // a 32-bit field
    if (b.length < 4) return b;
    const at = r(b.length - 3);
    const v = [0, 28, b.length, b.length - at, 0x7fffffff, 0x80000000, 0xffffffff][r(7)];
    for (let i = 0; i < 4; i++) b[at + i] = (v >>> (24 - 8 * i)) & 0xff;
    return b;
  },
  (b, r) => { // insert
    const at = r(b.length + 1);
    return splice(b.subarray(0, at), Array.from({ length: 1 + r(16) }, () => r(256)), b.subarray(at));
  },
  (b, r) => { // remove from the middle
    const at = r(b.length + 1);
    return splice(b.subarray(0, at), b.subarray(Math.min(b.length, at + 1 + r(16))));
  },
  (b, r) => { // repeat a part, perhaps many times
    if (b.length === 0) return b;
    const at = r(b.length);
    const part = b.subarray(at, at + 1 + r(Math.min(64, b.length - at)));
    return splice(b.subarray(0, at), ...Array.from({ length: 1 + r(r(8) === 0 ? 200 : 3) }, () => part), b.subarray(at));
  },
];
function mutate(seeds, r) {
  if (seeds.length === 0 || r(50) === 0) return Uint8Array.from({ length: r(200) }, () => r(256));
  let b = Uint8Array.from(seeds[r(seeds.length)]);
  if (r(8) === 0) { // the head of one, the tail of another
    const other = seeds[r(seeds.length)];
    b = splice(b.subarray(0, r(b.length + 1)), other.subarray(r(other.length + 1)));
  }
  for (let n = 1 + r(r(4) === 0 ? 12 : 3); n > 0; n--) b = Uint8Array.from(mutations[r(mutations.length)](b, r));
  return b;
}
const hex = (b) => Buffer.from(b).toString("hex");

const files = existsSync(DIR) ? readdirSync(DIR).filter((f) => f.endsWith(".fuzz.ts")).sort() : [];
if (files.length === 0) {
  console.error(`fuzz.mjs: no ${DIR}/*.fuzz.ts`);
  process.exit(1);
}
const outdir = `.cache/fuzz-${process.pid}`;
process.on("exit", () => rmSync(outdir, { recursive: true, force: true }));
await build({
  entryPoints: files.map((f) => `${DIR}/${f}`), outdir, outbase: ".", outExtension: { ".js": ".mjs" }, bundle: true, packages: "external",
  external: ["*.node"], alias: { "node-tuntap2": "./src/node-tuntap2/index.ts" },
  platform: "node", target: "node20", format: "esm", sourcemap: "inline", logLevel: "warning",
});
process.setSourceMapsEnabled(true);

// An input that never comes back is a finding, too: a second thread sees that the count stands still, and names the input.
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
  const start = process.hrtime.bigint();
  let failure = null;
  const given = Uint8Array.from(bytes); // what a target does to its input must not change the report
  try {
    target.run(given);
  } catch (e) {
    failure = e instanceof Error ? (e.stack ?? e.message) : String(e);
  }
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  return { failure, ms };
}

console.log(`FUZZ_SEED=${seed} FUZZ_SECONDS=${seconds}`);
let failed = 0;
let ran = 0;
for (const f of files) {
  const module = await import(pathToFileURL(`${outdir}/${DIR}/${f.replace(/\.ts$/, ".mjs")}`).href);
  const targets = [...(module.target ? [module.target] : []), ...(module.targets ?? [])];
  if (targets.length === 0) throw new Error(`${DIR}/${f} exports neither target nor targets`);
  for (const target of targets) {
    if (wanted.length > 0 && !wanted.includes(target.name)) continue;
    ran++;
    const inputs = process.env.FUZZ_INPUT === undefined ? null : [Buffer.from(process.env.FUZZ_INPUT, "hex")];
    const r = generator(seed);
    const end = Date.now() + seconds * 1000;
    let n = 0;
    let bad = null;
    // the seeds as they are, then mutations; a slow input is tried again, since the machine may have paused us
    for (const given of inputs ?? target.seeds) {
      n++;
      const { failure } = attempt(target, given);
      if (failure !== null) bad ??= { bytes: given, failure };
    }
    while (inputs === null && bad === null && Date.now() < end) {
      const bytes = mutate(target.seeds, r);
      n++;
      let { failure, ms } = attempt(target, bytes);
      if (failure === null && ms > SLOW) {
        const again = attempt(target, bytes);
        if (again.ms > SLOW) failure = `${again.ms.toFixed(0)} ms for ${bytes.length} bytes`;
      }
      if (failure !== null) bad = { bytes, failure };
    }
    console.log(`${bad === null ? "ok  " : "FAIL"} ${target.name}: ${n} inputs`);
    if (bad !== null) {
      failed++;
      console.log(`  input ${hex(bad.bytes)}\n  ${bad.failure.replaceAll("\n", "\n  ")}`);
      console.log(`  again: FUZZ_INPUT=${hex(bad.bytes)} node scripts/fuzz.mjs '${target.name}'`);
    }
  }
}
if (ran === 0) {
  console.error(`fuzz.mjs: no target is called ${wanted.join(" ")}`);
  process.exit(1);
}
process.exit(failed > 0 ? 1 : 0);
