// The unit and simulation tests inside QuickJS: the same files, on the router's host, library and engine.
// With --build=DIR nothing runs: DIR gets `host` and `group0.bin` of the files named, for a test to run elsewhere.
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { buildExecutable, bundle, positions, toBytecode } from "../src/runtime/quickjs/build.mjs";

// About this tree and its tools rather than the program, or about Node's own side.
const NOT_HERE = [
  "test/layers.test.ts",
  "test/pages.test.ts",
  "test/runtime/start.test.ts",
  "test/runtime/node-faults.test.ts",
  "test/ike/wipe.test.ts",
  "test/x509/node.test.ts",
  "test/control/metrics.test.ts",
  "test/control/session-log.test.ts",
  "test/control/socket.test.ts",
  "test/cli/commands.test.ts",
  "test/cli/man.test.ts",
  "test/cli/programs.test.ts",
  "test/build/",
  "test/openwrt/",
  "src/node-tuntap2/test/",
];
const APART = ["test/net", "test/rig", "test/bench", "test/fuzz"];

const args = process.argv.slice(2).filter((a) => !a.startsWith("--"));
const only = process.argv.find((a) => a.startsWith("--build="))?.slice("--build=".length);
const emulator = (process.env["RUN"] ?? "").split(" ").filter((w) => w !== ""); // for another kind of CPU
const all = ["test", "src/node-tuntap2/test", "src/ubus-client/test"]
  .flatMap((d) =>
    readdirSync(d, { recursive: true })
      .filter((f) => f.endsWith(".test.ts"))
      .map((f) => `${d}/${f}`),
  )
  .filter((f) => ![...NOT_HERE, ...APART].some((d) => f.startsWith(d)))
  .filter((f) => args.length === 0 || args.some((a) => f.startsWith(a)))
  .sort();
const dir = only ?? `.cache/test-quickjs-${process.pid}`;
mkdirSync(dir, { recursive: true });
const node = new URL("../test/quickjs/node.ts", import.meta.url).pathname;
const stands = {
  name: "stand-ins",
  setup(b) {
    const at = (name) => ({ path: new URL(`../test/quickjs/${name}.ts`, import.meta.url).pathname });
    b.onResolve({ filter: /^node:test$/ }, () => at("node-test"));
    b.onResolve({ filter: /^node:assert\/strict$/ }, () => at("assert"));
    b.onResolve({ filter: /^node:(fs|util)$/ }, () => at("node"));
    b.onResolve({ filter: /runtime\/node\/(clock|crypto|native)\.ts$/ }, () => at("node"));
    b.onResolve({ filter: /^fast-check$/ }, (a) =>
      a.importer.endsWith("test/quickjs/fast-check.ts") ? undefined : at("fast-check"),
    );
  },
};
const FOLDERS = { "test/golden/ubus": readdirSync("test/golden/ubus") };

/** The bytecode of these files' tests. */
async function compile(files, i) {
  const entry = `${dir}/entry${i}.ts`;
  writeFileSync(
    entry,
    `import ${JSON.stringify(node)};
import "../../test/seed.ts";
${files.map((f) => `import "../../${f}";`).join("\n")}
import { runAll } from "../../test/quickjs/node-test.ts";
import { inSources } from "../../src/runtime/quickjs/positions.ts";
const sys = globalThis.host;
let table = null;
runAll((stack) => inSources(table ??= new Uint8Array(sys.readFile("${dir}/sources${i}.txt")), stack));
`,
  );
  const { script, map } = await bundle(entry, {
    plugins: [stands],
    define: { FOLDERS: JSON.stringify(FOLDERS) },
    minifyIdentifiers: false,
    alias: {},
  });
  const { table, lines } = positions(script, map);
  writeFileSync(`${dir}/sources${i}.txt`, table);
  await toBytecode(script, `${dir}/group${i}.bin`, lines);
}
async function group(files, i) {
  await compile(files, i);
  return new Promise((resolve) => {
    const [command, ...words] = [...emulator, `${dir}/host`, `${dir}/group${i}.bin`];
    const child = spawn(command, words, { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (d) => {
      process.stdout.write(d);
      text += d;
    });
    child.on("close", (code) => resolve({ ok: code === 0, text }));
  });
}

let ok = false;
try {
  await buildExecutable(`${dir}/host`, { test: true });
  if (only !== undefined) {
    await compile(args, 0);
    process.exit(0);
  }
  const halves = [all.filter((_, i) => i % 2 === 0), all.filter((_, i) => i % 2 === 1)].filter((h) => h.length > 0);
  const results = await Promise.all(halves.map(group));
  ok = results.every((r) => r.ok);
  const sum = (word) =>
    results.reduce((n, r) => n + Number(new RegExp(`^# ${word} (\\d+)$`, "m").exec(r.text)?.[1] ?? 0), 0);
  console.log(
    `\nQuickJS: ${all.length} files, ${sum("pass")} passed, ${sum("fail")} failed, ${sum("skipped")} skipped`,
  );
} catch (e) {
  console.error(`test-quickjs: ${e.message}`);
}
rmSync(dir, { recursive: true, force: true });
process.exit(ok ? 0 : 1);
