// Chat scripts as chat(8) of pppd takes them: expect-send pairs with sub-expects, ABORT, CLR_ABORT and TIMEOUT, and its
// escapes. HANGUP, ECHO, SAY, REPORT and CLR_REPORT are understood and do nothing: events say all that is to be said.
// Files (@name) are refused.
import { Secret } from "../core/secret.ts";
import { utf8 } from "../core/text.ts";
import { bytes, type Piece } from "./conversation.ts";

export type ChatItem =
  /** `then` answers a time-out, and is followed by another wait. */
  | {
      readonly is: "expect";
      readonly tries: readonly { readonly expect: string; readonly then: readonly Piece[] | null }[];
    }
  | { readonly is: "send"; readonly send: readonly Piece[] }
  | { readonly is: "abort" | "clear-abort"; readonly text: string }
  | { readonly is: "timeout"; readonly seconds: number };

/** What a script may name instead of spelling it out: \T and \U, ${username} and ${password}. */
interface ChatNames {
  readonly phone: string;
  readonly phone2: string;
  readonly username: string;
  readonly password: Secret | null;
}
const DEFAULT_TIMEOUT = 45;
const MAX_SCRIPT = 4096;
const IDLE_WORDS = ["HANGUP", "ECHO", "SAY", "REPORT", "CLR_REPORT"];

/** The script, or a sentence that says what is wrong with it. */
export function parseChat(text: string, names: ChatNames): readonly ChatItem[] | string {
  if (text.length > MAX_SCRIPT) return `is longer than ${MAX_SCRIPT} characters`;
  const words = split(text);
  if (typeof words === "string") return words;
  const items: ChatItem[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    if (word.startsWith("@")) return `names a file (${word}); write the script itself`;
    const argument = words[i + 1];
    if (["ABORT", "CLR_ABORT", "TIMEOUT", ...IDLE_WORDS].includes(word)) {
      if (argument === undefined) return `${word} is the last word, and something must follow it`;
      i++;
      if (word === "TIMEOUT") {
        if (!/^\d{1,4}$/.test(argument)) return `TIMEOUT ${argument} is no number of seconds`;
        items.push({ is: "timeout", seconds: Number(argument) || DEFAULT_TIMEOUT });
      } else if (!IDLE_WORDS.includes(word)) {
        const what = expectText(argument);
        if (what === null || what === "") return `${word} ${argument} cannot be waited for`;
        items.push({ is: word === "ABORT" ? "abort" : "clear-abort", text: what });
      }
      continue;
    }
    const tries = subExpects(word, names);
    if (typeof tries === "string") return tries;
    items.push({ is: "expect", tries });
    if (argument === undefined) continue;
    i++;
    const send = sendPieces(argument, names);
    if (typeof send === "string") return send;
    items.push({ is: "send", send });
  }
  return items;
}

/** Words between blanks; quotes of either kind hold a word together, a backslash keeps its character. */
function split(text: string): string[] | string {
  const words: string[] = [];
  for (let i = 0; i < text.length; ) {
    if (/\s/.test(text.charAt(i))) {
      i++;
      continue;
    }
    const first = text.charAt(i);
    const quote = first === '"' || first === "'" ? first : "";
    if (quote !== "") i++;
    let word = "";
    for (; i < text.length; i++) {
      const c = text.charAt(i);
      if (quote === "" ? /\s/.test(c) : c === quote) break;
      word += c;
      if (c === "\\" && i + 1 < text.length) word += text.charAt(++i);
    }
    if (quote !== "" && i >= text.length) return `has no second ${quote}`;
    i++;
    words.push(word);
  }
  return words;
}

function subExpects(word: string, names: ChatNames): { expect: string; then: readonly Piece[] | null }[] | string {
  const parts: string[] = [""];
  for (let i = 0; i < word.length; i++) {
    const c = word.charAt(i);
    if (c === "\\" && i + 1 < word.length) {
      const next = word.charAt(++i);
      parts[parts.length - 1] += next === "-" ? "-" : c + next;
    } else if (c === "-") parts.push("");
    else parts[parts.length - 1] += c;
  }
  const tries: { expect: string; then: readonly Piece[] | null }[] = [];
  for (let i = 0; i < parts.length; i += 2) {
    const expect = expectText(parts[i] as string);
    if (expect === null) return `${word} holds an escape that only makes sense in what is sent`;
    const answer = parts[i + 1];
    const then = answer === undefined ? null : sendPieces(answer, names);
    if (typeof then === "string") return then;
    tries.push({ expect, then });
  }
  return tries;
}

const PLAIN: Readonly<Record<string, string>> = { b: "\b", n: "\n", N: "\0", r: "\r", s: " ", t: "\t" };

/** One escape at `at` (behind the backslash), or one ^C: the character it stands for and its length; null: neither. */
function control(word: string, at: number): { c: string; length: number } | null {
  if (word.charAt(at) === "^" && at + 1 < word.length)
    return { c: String.fromCharCode(word.charCodeAt(at + 1) & 0x1f), length: 2 };
  if (word.charAt(at) !== "\\" || at + 1 >= word.length) return null;
  const octal = /^[0-7]{1,3}/.exec(word.slice(at + 1, at + 4));
  if (octal) return { c: String.fromCharCode(Number.parseInt(octal[0], 8) & 0xff), length: 1 + octal[0].length };
  const plain = PLAIN[word.charAt(at + 1)];
  return plain === undefined ? null : { c: plain, length: 2 };
}
function expectText(word: string): string | null {
  let out = "";
  for (let i = 0; i < word.length; ) {
    const c = control(word, i);
    if (c) {
      out += c.c;
      i += c.length;
    } else if (word.charAt(i) === "\\" && i + 1 < word.length) {
      const next = word.charAt(i + 1);
      if ("cdKpqTU".includes(next)) return null;
      out += next;
      i += 2;
    } else out += word.charAt(i++);
  }
  return out;
}

function sendPieces(word: string, names: ChatNames): readonly Piece[] | string {
  if (word === "EOT") return [bytes("\x04")];
  if (word === "BREAK") return [{ is: "break" }];
  const pieces: Piece[] = [];
  let text = "";
  let secret = false;
  let newline = true;
  const flush = (): void => {
    const p = bytes(text);
    if (text !== "" && p.is === "bytes") pieces.push(secret ? { is: "secret", secret: new Secret(p.bytes) } : p);
    text = "";
  };
  for (let i = 0; i < word.length; ) {
    const name = /^\$\{(username|password)\}/.exec(word.slice(i));
    if (name) {
      i += name[0].length;
      flush();
      if (name[1] === "username") pieces.push({ is: "bytes", bytes: utf8(names.username) });
      else if (names.password) pieces.push({ is: "secret", secret: names.password });
      else return "names a password, and there is none";
      continue;
    }
    const c = control(word, i);
    if (c) {
      text += c.c;
      i += c.length;
      continue;
    }
    if (word.charAt(i) !== "\\" || i + 1 >= word.length) {
      text += word.charAt(i++);
      continue;
    }
    const next = word.charAt(i + 1);
    i += 2;
    if (next === "c") newline = false;
    else if (next === "T") text += names.phone;
    else if (next === "U") text += names.phone2;
    else if (next === "q") {
      flush();
      secret = !secret;
    } else if (next === "d" || next === "p") {
      flush();
      pieces.push({ is: "pause", ms: next === "d" ? 1000 : 100 });
    } else if (next === "K") {
      flush();
      pieces.push({ is: "break" });
    } else text += next;
  }
  flush();
  secret = false;
  if (newline) pieces.push(bytes("\r"));
  return pieces;
}
