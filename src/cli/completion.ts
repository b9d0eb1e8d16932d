// Completion of the command line for bash and zsh. The ash of busybox completes no arguments.
import { type Call, type Command, type Completes, Usage } from "./command.ts";
import type { Options } from "./parse.ts";

export const SHELLS = ["bash", "zsh"] as const;

/** Names of links, as the running daemon has them: the keys of the first level. */
const NAMES = `l2tpsec status --json 2>/dev/null | sed -n 's/^  "\\([A-Za-z0-9_-]*\\)": {$/\\1/p'`;

export function completion(c: Call, commands: readonly Command[], options: Options): void {
  const shell = c.words[0];
  if (shell !== "bash" && shell !== "zsh") throw new Usage(`completion knows ${SHELLS.join(" and ")}`);
  c.rt.stdout(shell === "bash" ? bash(commands, options) : zsh(commands, options));
  c.rt.exit(0);
}

const WORDS = {
  bash: { file: "-f", dir: "-d", name: `-W "$(${NAMES})"` },
  zsh: { file: "_files", dir: "_files -/", name: `compadd -- $(${NAMES})` },
} as const;

/** The shell's words that complete this; "" for nothing. */
function by(shell: "bash" | "zsh", what: Completes | undefined): string {
  if (what === undefined) return "";
  if (typeof what === "string") return WORDS[shell][what];
  return shell === "bash" ? `-W "${what.join(" ")}"` : `compadd -- ${what.join(" ")}`;
}
/** Options that end a word of the line, by what completes their value. */
function valued(shell: "bash" | "zsh", options: Options): string[] {
  return Object.entries(options).flatMap(([name, o]) =>
    o.value === undefined || o.completes === undefined ? [] : [`${name}) ${say(shell, by(shell, o.completes))};;`],
  );
}
function say(shell: "bash" | "zsh", words: string): string {
  if (shell === "zsh") return `${words}; return `;
  return `COMPREPLY=($(compgen ${words} -- "$cur")); return `;
}
/** For each command: its first operand, and its options. */
function branches(shell: "bash" | "zsh", commands: readonly Command[]): string[] {
  return commands.map((c) => {
    const operand = by(shell, c.operands[0]?.completes);
    const first = operand === "" ? "" : `; [ "$n" = 1 ] && { ${say(shell, operand)}; }`;
    return `"${c.name}") options="${c.options.join(" ")}"${first};;`;
  });
}
/** The first words of all names. */
function names(commands: readonly Command[]): string {
  return [...new Set(commands.map((c) => c.name.split(" ")[0] ?? ""))].join(" ");
}
/** For each first word of names that have two: its second words, and then the whole name in `name`. */
function groups(shell: "bash" | "zsh", commands: readonly Command[]): string[] {
  const seconds = new Map<string, string[]>();
  for (const [first = "", second] of commands.map((c) => c.name.split(" ")))
    if (second !== undefined) seconds.set(first, [...(seconds.get(first) ?? []), second]);
  const next = shell === "bash" ? `\${COMP_WORDS[2]}` : "$words[3]";
  return [...seconds].map(
    ([first, list]) =>
      `${first}) [ "$n" = 1 ] && { ${say(shell, by(shell, list))}; }; name="${first} ${next}"; n=$((n - 1));;`,
  );
}

function bash(commands: readonly Command[], options: Options): string {
  return `# bash completion of l2tpsec
_l2tpsec() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} n=$((COMP_CWORD - 1)) options="" IFS=$' \\t\\n'
  COMPREPLY=()
  case $cur in
  -*) n=0;;
  *) case $prev in
    ${valued("bash", options).join("\n    ")}
    esac;;
  esac
  [ "$COMP_CWORD" = 1 ] && { COMPREPLY=($(compgen -W "${names(commands)}" -- "$cur")); return; }
  local name=\${COMP_WORDS[1]}
  case $name in
  ${groups("bash", commands).join("\n  ")}
  esac
  case $name in
  ${branches("bash", commands).join("\n  ")}
  esac
  COMPREPLY=($(compgen -W "$options" -- "$cur"))
}
complete -F _l2tpsec l2tpsec
`;
}
function zsh(commands: readonly Command[], options: Options): string {
  return `#compdef l2tpsec
_l2tpsec() {
  local cur=$words[CURRENT] prev=$words[CURRENT-1] n=$((CURRENT - 2)) options=""
  case $cur in
  -*) n=0;;
  *) case $prev in
    ${valued("zsh", options).join("\n    ")}
    esac;;
  esac
  [ "$CURRENT" = 2 ] && { compadd -- ${names(commands)}; return; }
  local name=$words[2]
  case $name in
  ${groups("zsh", commands).join("\n  ")}
  esac
  case $name in
  ${branches("zsh", commands).join("\n  ")}
  esac
  compadd -- \${=options}
}
compdef _l2tpsec l2tpsec
`;
}
