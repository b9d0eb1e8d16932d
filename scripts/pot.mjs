// The translation template of a LuCI package: every _('...') of its sources. scripts/generate.mjs writes it.
import { existsSync, readdirSync, readFileSync } from "node:fs";

export function pot(dir) {
  const strings = new Map();
  const files = ["htdocs", "root/usr/share/luci"]
    .filter((d) => existsSync(`${dir}/${d}`))
    .flatMap((d) => readdirSync(`${dir}/${d}`, { recursive: true }).map((f) => `${d}/${f}`))
    .filter((f) => /\.(js|json)$/.test(f))
    .sort();
  for (const f of files) {
    const text = readFileSync(`${dir}/${f}`, "utf8");
    const found = f.endsWith(".json")
      ? text.matchAll(/"title":\s*("(?:[^"\\]|\\.)*")/g)
      : text.matchAll(/(?<![\w$])_\(\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\s*\)/g);
    for (const m of found) {
      const q = m[1];
      const s = q.startsWith("'") ? q.slice(1, -1).replace(/\\'/g, "'") : JSON.parse(q);
      strings.set(s, (strings.get(s) ?? new Set()).add(f));
    }
  }
  const entries = [...strings]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([s, at]) => `${[...at].map((x) => `#: ${x}`).join("\n")}\nmsgid ${JSON.stringify(s)}\nmsgstr ""\n`);
  return `msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8"\n\n${entries.join("\n")}`;
}
