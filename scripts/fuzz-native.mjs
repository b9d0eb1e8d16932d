// The C targets of make fuzz: test/fuzz/native under clang's libFuzzer with the address and undefined-behaviour
// sanitizers. What they learned stays in .cache/fuzz-native and is where the next run begins.
import { spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";

const SOURCES = "src/node-tuntap2/native";
const TARGETS = "test/fuzz/native";
const CACHE = ".cache/fuzz-native";
const FAST_PATH = ["fpconf.c", "fproute.c", "fprx.c", "fptx.c", "ip.c", "table.c", "ossl.c", "ring.c"];
const FLAGS = [
  "-std=gnu11",
  "-g",
  "-O1",
  "-Wall",
  "-Wextra",
  "-Werror",
  "-fno-omit-frame-pointer",
  "-fsanitize=fuzzer,address,undefined",
  "-fno-sanitize-recover=undefined",
];

/**
 * A way into every transform and encapsulation: three users, then packets of both directions and one of each kind of
 * change.
 */
function* fastPathSeeds() {
  const rx = [
    [10, 1, 0],
    [10, 2, 0],
    [8, 1, 0],
    [6, 1, 0],
    [10, 4, 0x40],
    [10, 9, 0],
    [10, 1, 0x20],
    [10, 1, 0x80],
  ];
  const tx = [
    [5, 0, 1, 0x10, 40],
    [5, 0, 1, 5, 60, 0x0b],
    [5, 0, 3, 0, 200],
    [7, 0, 9, ...Array(9).fill(0x21), 0],
    [8, 0, 3, 0xc8, 2, 0, 6, 0xa5, 6, 0xa5],
  ];
  const change = [
    [9, 0, 1, 0x12],
    [9, 4, 10],
    [9, 2, 0, 7, 0, 3],
    [9, 5, 0, 0x17, 0xb8],
    [9, 7, 0x44, 16, 1, 0],
    [9, 1, 0],
    [9, 9, 3, 0, 0, 0, 1],
  ];
  for (let transform = 0; transform < 34; transform++) {
    for (const flow of [0x00, 0x01, 0x02, 0x24, 0x25]) {
      const world = [0, 1, 2].flatMap((i) => [i, (transform + i * 7) % 34, flow ^ (i << 4)]);
      const ops = [
        ...rx.flatMap((head, i) => [0, ...head, i === 2 ? 0x42 : 0, i & 7, i & 1 ? 9 : 8, 20 + i, 0, 0]),
        3,
        0,
        0,
        0,
        0,
        8,
        30,
        0,
        4,
        1,
        5,
        0,
        0,
        0,
        0,
        9,
        ...tx.flat(),
        ...change.flat(),
        0,
        10,
        1,
        0,
        0,
        0,
        8,
        20,
        0,
        0,
      ];
      yield Uint8Array.from([...world, ...ops]);
    }
  }
}

const ENGINES = ["napi.c", "qjs.c"];
const library = (f) => `${SOURCES}/${f}`;
const target = (f) => `${TARGETS}/${f}`;
const ALL = {
  fastpath: {
    files: [...["fastpath.c", "model.c", "packets.c"].map(target), ...FAST_PATH.map(library)],
    seeds: fastPathSeeds,
  },
  offload: {
    files: [target("offload.c"), library("segment.c"), library("coalesce.c")],
    seeds: () => [],
  },
  bindings: {
    files: [
      target("bindings.c"),
      ...readdirSync(SOURCES)
        .filter((f) => f.endsWith(".c") && !ENGINES.includes(f))
        .map(library),
    ],
    seeds: () => [],
  },
};
export const NATIVE = Object.keys(ALL).map((name) => `native ${name}`);

/** Why the native targets cannot run here, or null. */
export function noClang() {
  const cc = process.env.FUZZ_CC ?? "clang";
  mkdirSync(CACHE, { recursive: true });
  const probe = `${CACHE}/probe-${process.pid}`;
  const r = spawnSync(cc, ["-fsanitize=fuzzer,address,undefined", "-x", "c", "-", "-o", probe], {
    input: "int LLVMFuzzerTestOneInput(const char *p, unsigned long n) { return p == 0 && n; }\n",
    encoding: "utf8",
  });
  rmSync(probe, { force: true });
  if (r.error) return `no ${cc} (Debian: clang libclang-rt-dev)`;
  return r.status === 0 ? null : `${cc} has no libFuzzer (Debian: libclang-rt-dev): ${r.stderr.split("\n")[0]}`;
}

/** Builds what is older than its sources; throws one sentence. FUZZ_COVERAGE=1: with clang's source coverage, apart. */
function build(name) {
  const coverage = process.env.FUZZ_COVERAGE === "1";
  const out = `${CACHE}/${name}${coverage ? "-coverage" : ""}`;
  const all = [SOURCES, TARGETS]
    .flatMap((d) => readdirSync(d).map((f) => `${d}/${f}`))
    .concat("scripts/fuzz-native.mjs");
  if (existsSync(out) && statSync(out).mtimeMs > Math.max(...all.map((f) => statSync(f).mtimeMs))) return out;
  const flags = [...FLAGS, ...(coverage ? ["-fprofile-instr-generate", "-fcoverage-mapping"] : [])];
  const words = [...flags, `-I${SOURCES}`, ...ALL[name].files, "-ldl", "-o", out];
  const r = spawnSync(process.env.FUZZ_CC ?? "clang", words, { encoding: "utf8" });
  if (r.status !== 0) throw new Error(`clang could not build the target ${name}:\n${r.stderr}`);
  return out;
}

/** Runs a target for `seconds`, or one input: { ok, inputs, seconds, said }. */
export async function runNative(target, { seconds, seed, input }) {
  const name = target.replace("native ", "");
  const program = build(name);
  const corpus = `${CACHE}/corpus-${name}`;
  const log = `${CACHE}/${name}-${process.pid}.log`;
  const found = `${CACHE}/found-${process.pid}-`;
  mkdirSync(corpus, { recursive: true });
  let i = 0;
  for (const s of ALL[name].seeds()) writeFileSync(`${corpus}/seed-${i++}`, s);
  let words = [corpus, `-max_total_time=${Math.max(1, Math.round(seconds))}`, `-seed=${seed}`, "-max_len=1000"];
  if (input !== undefined) {
    writeFileSync(`${found}input`, input);
    words = [`${found}input`];
  }
  const out = openSync(log, "w");
  const env = { ...process.env, LLVM_PROFILE_FILE: `${CACHE}/${name}.profraw` };
  words.push(`-artifact_prefix=${found}`, "-timeout=10", "-print_final_stats=1");
  const child = spawn(program, words, { stdio: ["ignore", out, out], env });
  closeSync(out);
  const started = Date.now();
  const code = await new Promise((resolve) => child.on("close", resolve));
  const text = readFileSync(log, "utf8");
  const number = (what) => Number(new RegExp(`${what}: *(\\d+)`).exec(text)?.[1] ?? 0);
  const artifacts = readdirSync(CACHE).filter((f) => `${CACHE}/${f}`.startsWith(found));
  const hex = artifacts.map((f) => readFileSync(`${CACHE}/${f}`).toString("hex"))[0] ?? "";
  for (const f of artifacts) rmSync(`${CACHE}/${f}`);
  rmSync(log);
  const edges = [...text.matchAll(/ cov: (\d+)/g)].at(-1)?.[1] ?? "?";
  const lines = text
    .split("\n")
    .filter((l) => /not so:|runtime error|ERROR|SUMMARY|^ *#\d+ 0x/.test(l))
    .slice(0, 20);
  return {
    ok: code === 0,
    inputs: number("stat::number_of_executed_units"),
    seconds: (Date.now() - started) / 1000,
    edges,
    hex,
    why: lines.join("\n") || text.slice(-2000),
  };
}
