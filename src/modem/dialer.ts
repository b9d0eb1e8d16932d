// One dial-up: attention, init strings, PIN, APN, dial, CONNECT, login. It ends once, connected or with the step that
// failed. Redialling is redial.ts's business, hanging up hangup.ts's.
import type { Clock, Timer } from "../core/clock.ts";
import type { Failure } from "../core/errors.ts";
import type { Secret } from "../core/secret.ts";
import { utf8 } from "../core/text.ts";
import { ABORTS, COMMAND_ABORTS, connectSpeed, failure, stepFailure } from "./answers.ts";
import type { ChatItem } from "./chat.ts";
import { bytes, Conversation, type Outcome, type Piece, type Step, type Talker } from "./conversation.ts";
import { HangUp, type HangUpLine } from "./hangup.ts";
import { type Network, operatorOf, signalOf } from "./network.ts";

export interface DialConfig {
  /** Sent one after another before dialling, each to be answered with OK. */
  readonly init: readonly string[];
  /** Of the SIM card; asked for once, never guessed again. */
  readonly pin: Secret | null;
  /** The card has had this PIN and did not say that it is right: it does not get it again. */
  readonly pinSpent: boolean;
  /** Access point of a mobile network (AT+CGDCONT). */
  readonly apn: string | null;
  /** "ATDT". */
  readonly dialCommand: string;
  /** Null: nothing to dial, a null modem. */
  readonly phone: string | null;
  /**
   * What comes between CONNECT and PPP. auto: a login prompt is answered, PPP is recognised, silence means PPP. none:
   * PPP at once (wvdial's stupid mode). windows: CLIENT, and CLIENTSERVER as the answer, on a null-modem cable. Or a
   * chat script.
   */
  readonly login: "auto" | "none" | "windows" | readonly ChatItem[];
  readonly identity: { readonly user: string; readonly password: Secret } | null;
  /** Whether CONNECT must bring the carrier wire up, where there is one. */
  readonly carrierCheck: boolean;
  /** Milliseconds: for each command, for CONNECT, for a login prompt. */
  readonly commandMs: number;
  readonly connectMs: number;
  readonly loginMs: number;
}
export interface DialLine extends Talker, HangUpLine {}
export interface DialOwner {
  /** A step begins, or has been answered; fit for people, secrets starred. */
  onStep(step: string, sent: string): void;
  onAnswer(step: string, received: string): void;
  /** The PIN is about to be given, or was right. */
  onPin(right: boolean): void;
  /** Before dialling, once, with an access point alone. */
  onNetwork(n: Network): void;
  /** `speed` in bits per second, 0 where the modem did not say. `rest`: bytes of PPP that came along already. */
  onConnected(speed: number, answer: string, rest: Uint8Array): void;
  onFailed(why: Failure): void;
}

/** The carrier wire may be slower than the word CONNECT. */
const CARRIER_GRACE_MS = 1000;
/** With login = auto: a server that says nothing for so long waits for PPP. */
const AUTO_QUIET_MS = 5000;
/** Between what was asked for and its OK. */
const OK_MS = 1000;
/** For an answer that is only nice to have. */
const ASK_MS = 2000;
/** How often Windows says CLIENT, and how long it listens. */
const HELLOS = 10;
const HELLO_MS = 1000;
const MAX_PROMPTS = 6;
/** The third wrong one locks the card. */
const SPENT =
  "pin: the SIM card did not accept this PIN, and a third wrong one would lock it: correct the option pin, " +
  "or restart l2tpsec when it is the card's that was changed";
/** How a PPP frame begins: with everything escaped, or nothing, or from the protocol on. */
const PPP_START = ["~\xff}#", "~\xff\x03", "~\xc0!"];
const USER_PROMPT = ["ogin:", "sername:", "ser name:", "ser Name:"];
const PASSWORD_PROMPT = ["assword:", "asscode:", "ASSWORD:"];
const REFUSED = ["ncorrect", "nvalid", "enied", "NO CARRIER"];

export class Dialer {
  readonly #clock: Clock;
  readonly #line: DialLine;
  readonly #cfg: DialConfig;
  readonly #owner: DialOwner;
  readonly #talk: Conversation;
  readonly #timer: Timer;
  #plan: (() => void)[] = [];
  #hangUp: HangUp | null = null;
  #over = false;
  #speed = 0;
  #answer = "";
  #woken = false;
  #timerFires: () => void = () => {};
  #seen: Uint8Array = new Uint8Array(0); // PPP's first bytes, where the login recognised them

  constructor(clock: Clock, line: DialLine, cfg: DialConfig, owner: DialOwner) {
    this.#clock = clock;
    this.#line = line;
    this.#cfg = cfg;
    this.#owner = owner;
    const secrets = [cfg.pin, cfg.identity?.password ?? null, ...scriptSecrets(cfg.login)].filter((s) => s !== null);
    this.#talk = new Conversation(clock, line, secrets);
    this.#timer = clock.timer("modem-dial", () => this.#timerFires());
  }

  start(): void {
    const { init, phone, pin, apn, login } = this.#cfg;
    if (phone !== null && this.#line.carrier === true) this.#plan.push(() => this.#clear());
    for (const [i, text] of init.entries()) {
      if (i === 1 && pin) this.#plan.push(() => this.#askPin(pin)); // behind ATZ, before what needs the network
      this.#plan.push(() => this.#command(`init ${i + 1}`, text));
    }
    if (init.length < 2 && pin) this.#plan.push(() => this.#askPin(pin));
    if (apn !== null) {
      this.#plan.push(() => this.#command("apn", `AT+CGDCONT=1,"IP","${apn}"`));
      let signal: number | null = null;
      this.#plan.push(() =>
        this.#ask("signal", "AT+CSQ", "+CSQ:", (answer) => {
          signal = signalOf(answer);
        }),
      );
      let operator: string | null = null;
      this.#plan.push(() =>
        this.#ask("network", "AT+COPS?", "+COPS:", (answer) => {
          operator = operatorOf(answer);
        }),
      );
      this.#plan.push(() => {
        this.#owner.onNetwork({ signal, operator });
        this.#next();
      });
    }
    if (phone !== null) this.#plan.push(() => this.#dial(phone));
    if (login === "auto" && phone !== null) this.#plan.push(() => this.#autoLogin(MAX_PROMPTS));
    else if (login === "windows") this.#plan.push(() => this.#hello(HELLOS));
    else if (typeof login !== "string") this.#plan.push(() => this.#chat(login));
    this.#next();
  }
  /** Whatever arrives from the modem; valid during the call. */
  input(chunk: Uint8Array): void {
    if (this.#over) return;
    if (this.#hangUp) this.#hangUp.input(chunk);
    else this.#talk.input(chunk);
  }
  /** Ends without a word to the owner. */
  stop(): void {
    this.#over = true;
    this.#talk.stop();
    this.#timer.disarm();
    this.#hangUp?.stop();
  }

  #next(): void {
    if (this.#over) return;
    const task = this.#plan.shift();
    if (task) {
      task();
      return;
    }
    const rest = this.#talk.rest();
    const all = new Uint8Array(this.#seen.length + rest.length);
    all.set(this.#seen);
    all.set(rest, this.#seen.length);
    this.stop();
    this.#owner.onConnected(this.#speed, this.#answer, all);
  }
  #fail(why: Failure): void {
    if (this.#over) return;
    this.stop();
    this.#owner.onFailed(why);
  }
  #step(step: Step, done: (o: Outcome) => void): void {
    this.#owner.onStep(step.name, Conversation.shown(step.send));
    this.#talk.begin(step, (o) => {
      this.#owner.onAnswer(step.name, o.is === "silence" ? o.received : o.answer);
      if (!this.#over) done(o);
    });
  }

  /** A call that somebody left behind. */
  #clear(): void {
    this.#owner.onStep("hang up", "an earlier call still holds the line");
    this.#hangUp = new HangUp(this.#clock, this.#line, () => {
      this.#hangUp = null;
      this.#next();
    });
    this.#hangUp.start();
  }

  #command(name: string, text: string): void {
    const ms = this.#cfg.commandMs;
    const step: Step = {
      name,
      send: [bytes(`${text}\r`)],
      expect: ["OK"],
      abort: COMMAND_ABORTS,
      match: "lines",
      timeoutMs: ms,
    };
    this.#step(step, (o) => {
      if (o.is === "found") {
        this.#next();
      } else if (o.is === "silence" && !this.#woken) {
        // It may still be in a call, or half-way through a command: hang up once, and try again.
        this.#woken = true;
        this.#plan.unshift(
          () => this.#clear(),
          () => this.#command(name, text),
        );
        this.#next();
      } else this.#fail(stepFailure(name, o, "OK", ms / 1000));
    });
  }

  /** A modem that does not know the question is as good as any other. */
  #ask(name: string, text: string, prefix: string, use: (answer: string) => void): void {
    const step: Step = {
      name,
      send: [bytes(`${text}\r`)],
      expect: [prefix, "OK"],
      abort: COMMAND_ABORTS,
      match: "lines",
      timeoutMs: ASK_MS,
    };
    this.#step(step, (o) => {
      if (o.is !== "found" || o.what !== prefix) return this.#next();
      use(o.answer);
      this.#ok(name, () => this.#next());
    });
  }
  /** The OK behind an answer must not be taken for the next one's. */
  #ok(name: string, then: () => void): void {
    this.#talk.begin({ name, send: [], expect: ["OK"], abort: [], match: "lines", timeoutMs: OK_MS }, () => {
      if (!this.#over) then();
    });
  }

  #askPin(pin: Secret): void {
    const ms = this.#cfg.commandMs;
    const ask: Step = {
      name: "pin",
      send: [bytes("AT+CPIN?\r")],
      expect: ["+CPIN: READY", "+CPIN: SIM PIN", "+CPIN: SIM PUK"],
      abort: COMMAND_ABORTS,
      match: "lines",
      timeoutMs: ms,
    };
    this.#step(ask, (o) => {
      if (o.is !== "found") return this.#fail(stepFailure("pin", o, "+CPIN", ms / 1000));
      this.#ok("pin", () => {
        if (o.what === "+CPIN: SIM PIN") this.#givePin(pin);
        else if (o.what === "+CPIN: READY") this.#next();
        else
          this.#fail(failure("sim-locked", "pin: the SIM card is locked and asks for its PUK; unlock it in a phone"));
      });
    });
  }
  #givePin(pin: Secret): void {
    if (this.#cfg.pinSpent) return this.#fail(failure("pin-refused", SPENT));
    const ms = 2 * this.#cfg.commandMs;
    const give: Step = {
      name: "pin",
      send: [bytes("AT+CPIN="), { is: "secret", secret: pin }, bytes("\r")],
      expect: ["OK"],
      abort: COMMAND_ABORTS,
      match: "lines",
      timeoutMs: ms,
    };
    this.#owner.onPin(false);
    this.#step(give, (o) => {
      if (o.is === "found") {
        this.#owner.onPin(true);
        this.#next();
      } else if (o.is === "abort")
        this.#fail({ ...stepFailure("pin", o, "OK", ms / 1000), code: "pin-refused", lasting: true });
      else this.#fail(stepFailure("pin", o, "OK", ms / 1000));
    });
  }

  #dial(phone: string): void {
    const ms = this.#cfg.connectMs;
    const step: Step = {
      name: "dial",
      send: [bytes(`${this.#cfg.dialCommand}${phone}\r`)],
      expect: ["CONNECT"],
      abort: ABORTS,
      match: "lines",
      timeoutMs: ms,
    };
    this.#step(step, (o) => {
      if (o.is !== "found") return this.#fail(stepFailure("dial", o, "CONNECT", ms / 1000));
      this.#answer = o.answer;
      this.#speed = connectSpeed(o.answer);
      if (!this.#cfg.carrierCheck || this.#line.carrier !== false) return this.#next();
      this.#after(CARRIER_GRACE_MS, () => {
        if (this.#line.carrier !== false) this.#next();
        else
          this.#fail(
            failure(
              "no-carrier",
              `dial: the modem said "${o.answer}", but its carrier wire is off (set carrier_check = no if ` +
                "the cable has none)",
            ),
          );
      });
    });
  }

  #autoLogin(left: number): void {
    const { identity } = this.#cfg;
    const step: Step = {
      name: "login",
      send: [],
      expect: [...PPP_START, ...USER_PROMPT, ...PASSWORD_PROMPT],
      abort: REFUSED,
      match: "text",
      timeoutMs: AUTO_QUIET_MS,
    };
    this.#step(step, (o) => {
      if (o.is === "abort") {
        const why = stepFailure("login", o, "", 0);
        return this.#fail(o.what === "NO CARRIER" ? why : { ...why, code: "login-refused" });
      }
      if (o.is === "silence") return this.#next();
      if (PPP_START.includes(o.what)) {
        this.#seen = Uint8Array.from(o.what, (c) => c.charCodeAt(0));
        return this.#next();
      }
      if (!identity)
        return this.#fail(failure("login-asked", `login: the server asks "${o.answer}", and no username is set`));
      if (left === 0) return this.#fail(failure("login-refused", `login: the server keeps asking: "${o.answer}"`));
      const piece: Piece = USER_PROMPT.includes(o.what)
        ? { is: "bytes", bytes: utf8(identity.user) }
        : { is: "secret", secret: identity.password };
      const name = USER_PROMPT.includes(o.what) ? "login" : "password";
      this.#step({ name, send: [piece, bytes("\r")], expect: [""], abort: [], match: "text", timeoutMs: 0 }, () =>
        this.#autoLogin(left - 1),
      );
    });
  }

  #hello(left: number): void {
    const step: Step = {
      name: "hello",
      send: [bytes("CLIENT")],
      expect: ["CLIENTSERVER"],
      abort: [],
      match: "text",
      timeoutMs: HELLO_MS,
    };
    this.#step(step, (o) => {
      if (o.is === "found") this.#next();
      else if (left > 1) this.#hello(left - 1);
      else this.#fail(stepFailure("hello", o, "CLIENTSERVER", HELLO_MS / 1000));
    });
  }

  #chat(items: readonly ChatItem[]): void {
    const aborts: string[] = [];
    let timeoutMs = this.#cfg.loginMs;
    const run = (i: number): void => {
      const item = items[i];
      if (!item) return this.#next();
      switch (item.is) {
        case "abort":
          aborts.push(item.text);
          return run(i + 1);
        case "clear-abort":
          for (let at = aborts.indexOf(item.text); at >= 0; at = aborts.indexOf(item.text)) aborts.splice(at, 1);
          return run(i + 1);
        case "timeout":
          timeoutMs = item.seconds * 1000;
          return run(i + 1);
        case "send":
          return this.#step({ name: "chat", send: item.send, expect: [""], abort: [], match: "text", timeoutMs }, () =>
            run(i + 1),
          );
        case "expect":
          return this.#expect(item.tries, 0, [...aborts], timeoutMs, () => run(i + 1));
      }
    };
    run(0);
  }
  #expect(
    tries: Extract<ChatItem, { is: "expect" }>["tries"],
    at: number,
    abort: readonly string[],
    timeoutMs: number,
    done: () => void,
  ): void {
    const t = tries[at];
    if (!t) return done();
    const name = `chat, waiting for "${t.expect}"`;
    this.#step({ name, send: [], expect: [t.expect], abort, match: "text", timeoutMs }, (o) => {
      if (o.is === "found") return done();
      if (o.is === "abort" || t.then === null) return this.#fail(stepFailure(name, o, t.expect, timeoutMs / 1000));
      this.#step({ name: "chat", send: t.then, expect: [""], abort: [], match: "text", timeoutMs }, () =>
        this.#expect(tries, at + 1, abort, timeoutMs, done),
      );
    });
  }

  #after(ms: number, f: () => void): void {
    this.#timerFires = f;
    this.#timer.arm(ms);
  }
}

function scriptSecrets(login: DialConfig["login"]): Secret[] {
  if (typeof login === "string") return [];
  const pieces = login.flatMap((i) => {
    if (i.is === "send") return i.send;
    return i.is === "expect" ? i.tries.flatMap((t) => t.then ?? []) : [];
  });
  return pieces.flatMap((p) => (p.is === "secret" ? [p.secret] : []));
}
