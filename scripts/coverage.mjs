// Which lines of src ran, from what V8 wrote (NODE_V8_COVERAGE) and the source maps of the bundles that ran.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { transform } from "esbuild";

const DIGITS = new Map([..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"].map((c, i) => [c, i]));

/** Calls `each(line, column, source, sourceLine)` for every segment of a source map's mappings; all from 0. */
function segments(mappings, each) {
  let [line, column, source, sourceLine] = [0, 0, 0, 0];
  const field = [0, 0, 0, 0, 0];
  let [n, value, shift] = [0, 0, 0];
  const flush = () => {
    if (n === 0) return;
    column += field[0];
    if (n >= 4) {
      source += field[1];
      sourceLine += field[2];
      each(line, column, source, sourceLine);
    }
    n = 0;
  };
  for (const c of mappings) {
    if (c === ";" || c === ",") {
      flush();
      if (c === ";") {
        line++;
        column = 0;
      }
      continue;
    }
    const digit = DIGITS.get(c) ?? 0;
    value += (digit & 31) << shift;
    shift += 5;
    if (digit & 32) continue;
    field[n++] = value & 1 ? -(value >> 1) : value >> 1;
    [value, shift] = [0, 0];
  }
  flush();
}

const inlineMap = (text) =>
  JSON.parse(Buffer.from(/sourceMappingURL=data:[^,]*base64,(\S+)\s*$/.exec(text)?.[1] ?? "e30=", "base64"));

/** The innermost range decides; V8 lists ranges from the outer ones to the inner ones. */
function counts(functions, length) {
  const ran = new Uint8Array(length).fill(1);
  for (const f of functions) for (const r of f.ranges) ran.fill(r.count > 0 ? 1 : 0, r.startOffset, r.endOffset);
  return ran;
}

/** Adds to `ran` (file -> lines) what one script says. */
function add(file, functions, cwd, ran) {
  const text = readFileSync(file, "utf8");
  const { mappings = "", sources = [] } = inlineMap(text);
  const here = sources.map((s) => relative(cwd, resolve(dirname(file), s)));
  const did = counts(functions, text.length);
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  segments(mappings, (line, column, source, sourceLine) => {
    const name = here[source];
    if (!name.startsWith("src/") || did[starts[line] + column] === 0) return;
    const lines = ran.get(name) ?? new Set();
    ran.set(name, lines.add(sourceLine));
  });
}

/** The lines of a file that hold code, as esbuild sees them. */
async function codeLines(file) {
  const { map } = await transform(readFileSync(file, "utf8"), {
    loader: "ts",
    sourcemap: "external",
    target: "node20",
    format: "esm",
  });
  const lines = new Set();
  segments(JSON.parse(map).mappings, (_line, _column, _source, sourceLine) => lines.add(sourceLine));
  return lines;
}

/**
 * `dir`: what V8 wrote; `bundles`: the folder of the scripts that count; `sources`: the files of src to judge. Returns
 * { covered, all, files: [{ file, covered, all }], worst first }.
 */
export async function coverage(dir, bundles, sources) {
  const cwd = process.cwd();
  const ran = new Map();
  for (const f of readdirSync(dir)) {
    const { result } = JSON.parse(readFileSync(`${dir}/${f}`, "utf8"));
    for (const s of result) {
      if (!s.url.startsWith("file://")) continue;
      const file = fileURLToPath(s.url);
      if (file.startsWith(`${resolve(bundles)}/`)) add(file, s.functions, cwd, ran);
    }
  }
  const files = await Promise.all(
    sources.map(async (file) => {
      const lines = await codeLines(file);
      const did = ran.get(file) ?? new Set();
      return { file, all: lines.size, covered: [...lines].filter((l) => did.has(l)).length };
    }),
  );
  files.sort((a, b) => b.all - b.covered - (a.all - a.covered));
  const sum = (key) => files.reduce((n, f) => n + f[key], 0);
  return { covered: sum("covered"), all: sum("all"), files };
}
