// The translation template of a LuCI package: every _('...') and N_(n, '...', '...') of its sources.
// scripts/generate.mjs writes it, and po.mjs keeps the translations in step with it.
import { existsSync, readdirSync, readFileSync } from "node:fs";

const TEXT = /('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")/.source;
const CALL = new RegExp(`(?<![\\w$])(?:_\\(\\s*${TEXT}\\s*\\)|N_\\([^'"]*?,\\s*${TEXT}\\s*,\\s*${TEXT}\\s*\\))`, "g");
const unquoted = (q) => (q.startsWith("'") ? q.slice(1, -1).replace(/\\'/g, "'") : JSON.parse(q));

/** Sorted: { id, plural (or null), at }. */
export function strings(dir) {
  const found = new Map();
  const files = ["htdocs", "root/usr/share/luci"]
    .filter((d) => existsSync(`${dir}/${d}`))
    .flatMap((d) => readdirSync(`${dir}/${d}`, { recursive: true }).map((f) => `${d}/${f}`))
    .filter((f) => /\.(js|json)$/.test(f))
    .sort();
  for (const f of files) {
    const text = readFileSync(`${dir}/${f}`, "utf8");
    const calls = f.endsWith(".json")
      ? [...text.matchAll(/"title":\s*("(?:[^"\\]|\\.)*")/g)].map((m) => [m[1]])
      : [...text.matchAll(CALL)].map((m) => (m[1] === undefined ? [m[2], m[3]] : [m[1]]));
    for (const [one, many] of calls) {
      const id = unquoted(one);
      const s = found.get(id) ?? { id, plural: null, at: new Set() };
      if (many !== undefined) s.plural = unquoted(many);
      found.set(id, { ...s, at: s.at.add(f) });
    }
  }
  return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

export function pot(dir) {
  const entries = strings(dir).map(({ id, plural, at }) => {
    const where = [...at].map((x) => `#: ${x}`).join("\n");
    const rest = plural === null ? 'msgstr ""' : `msgid_plural ${JSON.stringify(plural)}\nmsgstr[0] ""\nmsgstr[1] ""`;
    return `${where}\nmsgid ${JSON.stringify(id)}\n${rest}\n`;
  });
  return `msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8"\n\n${entries.join("\n")}`;
}
