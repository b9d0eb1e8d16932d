// l2tpsec init: a first configuration by questions.
import * as v from "valibot";
import type { Option } from "../config/option.ts";
import { isSecret } from "../config/options.ts";
import { CLIENT, SERVER, USER } from "../config/schema.ts";
import type { Section, Type } from "../config/section.ts";
import { replaced } from "../config/transfer.ts";
import { SystemError } from "../core/errors.ts";
import type { Runtime } from "../ports/runtime.ts";
import { ask, NoAnswer } from "./ask.ts";
import type { Call } from "./command.ts";
import { generatedKey } from "./generate.ts";
import { apply, filesOf } from "./transfer.ts";

interface Question {
  readonly key: string;
  readonly words: string;
  /** What an empty answer means. */
  readonly def?: string;
  /** An empty answer makes a key. */
  readonly generate?: true;
}

class Questions {
  readonly #rt: Runtime;
  #generated = 0;
  constructor(rt: Runtime) {
    this.#rt = rt;
  }
  get generated(): number {
    return this.#generated;
  }
  /** Asks until the answer is allowed; from a pipe an answer that is not allowed ends it. Throws NoAnswer. */
  one(q: Question, option: Option<unknown>): string {
    const secret = isSecret(option.kind);
    const def = q.generate ? "generate one" : q.def;
    const hint = def === undefined ? "" : ` [${def}]`;
    for (;;) {
      const answer = this.#typed(`${q.words}${hint}`, secret, q.generate === true);
      if (answer === "" && q.generate) {
        this.#generated++;
        return generatedKey(this.#rt.crypto);
      }
      const text = answer === "" ? (q.def ?? "") : answer;
      if (text !== "" && v.safeParse(option.kind.schema, text).success) return text;
      this.#rt.stderr(`  allowed: ${option.kind.allowed}\n`);
      if (!this.#rt.stdin.terminal) throw new NoAnswer(`${q.key} is not allowed`);
    }
  }
  /** A secret is typed twice on a terminal, where nobody sees it. */
  #typed(words: string, secret: boolean, mayBeEmpty: boolean): string {
    if (!secret) return ask(this.#rt, words);
    for (;;) {
      const answer = ask(this.#rt, words, { hidden: true });
      if (!this.#rt.stdin.terminal || (answer === "" && mayBeEmpty)) return answer;
      if (ask(this.#rt, "  the same again", { hidden: true }) === answer) return answer;
      this.#rt.stderr("  these two are not the same\n");
    }
  }
}

function section(type: Type, name: string, values: Readonly<Record<string, string>>): Section {
  return { type, name, line: 1, values: new Map(Object.entries(values).map(([k, text]) => [k, { text, line: 1 }])) };
}

function clientSections(q: Questions): Section[] {
  const values = {
    proto: "l2tpsec",
    server: q.one({ key: "server", words: "Server, a name or an address" }, CLIENT.server),
    username: q.one({ key: "username", words: "User name" }, CLIENT.username),
    password: q.one({ key: "password", words: "Password" }, CLIENT.password),
    psk: q.one({ key: "psk", words: "Pre-shared key of the server" }, CLIENT.psk),
    routes: q.one({ key: "routes", words: "Networks behind the server (0.0.0.0/0: everything)" }, CLIENT.routes),
  };
  return [section("interface", "vpn", values)];
}
function serverSections(q: Questions): Section[] {
  const server = {
    local_ip: q.one({ key: "local_ip", words: "Our address inside the tunnels", def: "10.99.0.1" }, SERVER.local_ip),
    pool: q.one({ key: "pool", words: "Addresses for users", def: "10.99.0.10-10.99.0.200" }, SERVER.pool),
    psk: q.one({ key: "psk", words: "Pre-shared key for everybody", generate: true }, SERVER.psk),
  };
  const login = q.one({ key: "username", words: "First user's name" }, USER.username);
  const password = q.one({ key: "password", words: "This user's password", generate: true }, USER.password);
  return [section("server", "lns", server), section("user", login, { password })];
}

export function init(c: Call): void {
  const { rt } = c;
  rt.noDumps();
  try {
    const files = filesOf(c, true);
    const full = [...files.texts.values()].find((f) => files.format === "ini" && f.text !== "");
    if (full) {
      rt.stderr(`l2tpsec: ${full.path}: is there already; init writes only a new file\n`);
      return rt.exit(2);
    }
    const questions = new Questions(rt);
    const role = ask(rt, "Client or server? [client]") || "client";
    if (role !== "client" && role !== "server") throw new NoAnswer("the answer is client or server");
    const sections = role === "client" ? clientSections(questions) : serverSections(questions);
    const change = replaced(files, true, sections, null);
    if (questions.generated > 0 && !("faults" in change)) rt.stderr("What was generated is in the file.\n");
    apply(rt, change);
  } catch (e) {
    if (!(e instanceof NoAnswer) && !(e instanceof SystemError)) throw e;
    rt.stderr(`\nl2tpsec: nothing was written: ${e.message}\n`);
    rt.exit(e instanceof NoAnswer ? 2 : 1);
  }
}
