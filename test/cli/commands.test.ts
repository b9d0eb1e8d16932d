// The command line: what the table of commands says, the usage text and completion follow.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { test } from "node:test";
import { type Call, type Program, Usage } from "../../src/cli/command.ts";
import { COMMANDS, OPTIONS } from "../../src/cli/commands.ts";
import { completion } from "../../src/cli/completion.ts";
import { parse } from "../../src/cli/parse.ts";
import { usage } from "../../src/cli/usage.ts";
import type { Runtime } from "../../src/ports/runtime.ts";

/** A runtime that only prints. */
function printer(): { readonly program: Program; readonly out: () => string } {
  let text = "";
  const rt = { stdout: (s: string) => (text += s), exit: () => {} } as unknown as Runtime;
  return {
    program: { rt, daemon: async () => {}, probe: () => {}, maker: () => null, fileFaults: () => [] },
    out: () => text,
  };
}
const parsed = (...argv: string[]): Call => parse(argv, COMMANDS, OPTIONS, printer().program).call;
const refused = (why: RegExp, ...argv: string[]): void =>
  assert.throws(
    () => parsed(...argv),
    (e) => e instanceof Usage && why.test(e.message),
    argv.join(" "),
  );

test("words, flags and values; an option's value may be left out where it has a default", () => {
  const c = parsed("status", "hq", "--json", "--socket=/s");
  assert.deepEqual([c.command, c.words, [...c.flags], c.values.get("--socket")], ["status", ["hq"], ["--json"], "/s"]);
  assert.equal(parsed("check", "--uci").values.get("--uci"), "/etc/config");
  assert.equal(parsed("run", "--uci", "--foreground").values.get("--uci"), "/etc/config");
  assert.equal(parsed("run", "--uci", "/x", "--foreground").values.get("--uci"), "/x");
  assert.equal(parsed("check", "--config", "a=b").values.get("--config"), "a=b");
});
test("what is not in the table is a wrong usage", () => {
  refused(/unknown command "nonsense"/, "nonsense");
  refused(/unknown command "__proto__"/, "__proto__");
  refused(/status does not know --foreground/, "status", "--foreground");
  refused(/up does not know --config/, "up", "hq", "--config", "x");
  refused(/status does not know --constructor/, "status", "--constructor");
  refused(/--json takes no value/, "status", "--json=1");
  refused(/--config needs a value: FILE/, "check", "--config");
  refused(/up needs the name of an interface/, "up");
  refused(/too many words: a b/, "status", "a", "b");
  refused(/needs either --config FILE or --uci/, "run");
  refused(/needs either --config FILE or --uci/, "run", "--uci", "--config", "x");
});
test("a name of two words, and an operand that may come any number of times", () => {
  const c = parsed("cert", "server", "a", "--days", "9", "b", "c");
  assert.deepEqual([c.command, c.words, c.values.get("--days")], ["cert server", ["a", "b", "c"], "9"]);
  refused(/^cert needs one of: ca, server, user, revoke, import$/, "cert");
  refused(/unknown command "cert nonsense"/, "cert", "nonsense");
  refused(/unknown command "cert ca"/, "cert ca", "x");
  refused(/cert server needs HOST/, "cert", "server");
  refused(/cert ca: too many words: a b/, "cert", "ca", "a", "b");
  refused(/cert import needs NAME/, "cert", "import", "a.p12");
  refused(/cert ca does not know --password/, "cert", "ca", "a", "--password", "x");
});
test("the usage text names every command and every option, in lines of 110 characters at most", () => {
  const text = usage(COMMANDS, OPTIONS);
  for (const c of COMMANDS) assert.match(text, new RegExp(`^  ${c.name}\\b`, "m"));
  for (const o of Object.keys(OPTIONS)) assert.ok(text.includes(o), o);
  for (const line of text.split("\n")) assert.ok(line.length <= 110, line);
});

function script(shell: "bash" | "zsh"): string {
  const { program, out } = printer();
  completion(
    { ...program, command: "completion", words: [shell], flags: new Set(), values: new Map() },
    COMMANDS,
    OPTIONS,
  );
  return out();
}
const has = (shell: string): boolean => spawnSync(shell, ["-c", ":"]).status === 0;
/** A daemon's answer, for the names of links. */
const STATUS = `l2tpsec() { cat <<'END'
{
  "hq": {
    "kind": "client",
    "x": {
    }
  },
  "lns": {
END
}`;

const CASES: readonly (readonly [words: readonly string[], expected: readonly string[]])[] = [
  [["st"], ["status"]],
  [["status", "--j"], ["--json"]],
  [
    ["up", ""],
    ["hq", "lns"],
  ],
  [["check", "--config", "LICEN"], ["LICENSE"]],
  [["check", "--uci", "scrip"], ["scripts"]],
  [["completion", "z"], ["zsh"]],
  [["cer"], ["cert"]],
  [["cert", "re"], ["revoke"]],
  [["cert", "import", "LICEN"], ["LICENSE"]],
  [
    ["cert", "revoke", "--"],
    ["--dir", "--socket"],
  ],
  [
    ["check", "--"],
    ["--config", "--uci", "--socket"],
  ],
];
test("bash completes commands, options, files and the names of links", { skip: !has("bash") && "no bash" }, () => {
  for (const [words, expected] of CASES) {
    const line = ["l2tpsec", ...words].map((w) => `'${w}'`).join(" ");
    const text = `${script("bash")}\n${STATUS}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length}
_l2tpsec; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const got = execFileSync("bash", ["-euc", text.replace("set -e", "")], { encoding: "utf8" });
    assert.deepEqual(got.trim().split("\n"), expected, words.join(" "));
  }
});
test("zsh completes the same", { skip: !has("zsh") && "no zsh" }, () => {
  for (const [words, expected] of CASES) {
    const last = words.at(-1) ?? "";
    // Outside of its line editor compadd does not work: this one prints what fits, as the real one offers it.
    const text = `compdef() { : }; _files() { print -l -- \${~cur}*(\${1:+N/}) }
compadd() { shift; for w in "$@"; do [[ $w == "$cur"* ]] && print -r -- $w; done; true }
${script("zsh")}
${STATUS}
words=(l2tpsec ${words.map((w) => `'${w}'`).join(" ")}); CURRENT=${words.length + 1}; _l2tpsec`;
    const got = execFileSync("zsh", ["-fc", text], { encoding: "utf8" });
    assert.deepEqual(got.trim().split("\n"), expected, `${words.join(" ")} (${last})`);
  }
});
