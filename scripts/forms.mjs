// Leaves out of the program what only forms and the reference show: titles, help, notes, labels, and where it stands.
import { readFileSync } from "node:fs";

const TEXT = /(?:"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)/.source;
const TEXTS = `${TEXT}(?:\\s*\\+\\s*${TEXT})*`;
const WORDS = new RegExp(`\\b(?:title|help|form|tab|offer): *\\n? *(?:${TEXTS}|null|DATAPLANE),?`, "g");
/** Help that two options share. */
const SHARED = new RegExp(`(?<=\\bDATAPLANE =\\s*)${TEXTS}`, "g");
const TABLES = /\b(?:when|labels|against): (?:\{[^}]*\}|TRAFFIC),?/g;
const LABELS = /(?<=\bTRAFFIC = )\{[^}]*\}/g;
const lines = (text) => "\n".repeat(text.split("\n").length - 1);

/** For esbuild. Lines stay where they are, so that stacks name the right ones. */
export const withoutForms = {
  name: "without the words of forms",
  setup(b) {
    b.onLoad({ filter: /src\/config\/(common|schema|nasdial|radius)\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf8")
        .replace(TABLES, lines)
        .replace(WORDS, lines)
        .replace(SHARED, (all) => `""${lines(all)}`)
        .replace(LABELS, (all) => `{${lines(all)}}`),
      loader: "ts",
    }));
  },
};
