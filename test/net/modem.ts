// Modems on ptys, and the telephone exchange between them. What a modem does that a daemon can see: AT commands with
// echo, RING, CONNECT, calls that carry bytes at a pace, noise, "+++", and calls that end. A pty has no carrier wire: a
// lost call is NO CARRIER and silence. That nobody has the device open is the DTR wire.
import { Pace, Pty, spoiled } from "./pty.ts";

const TICK_MS = 5;
const GUARD_MS = 1000;
const MAX_COMMAND = 200;
const text = (s: string): Uint8Array => Uint8Array.from(s, (c) => c.charCodeAt(0));

type Mode = "command" | "calling" | "ringing" | "training" | "data" | "paused";

export class Exchange {
  readonly #modems = new Map<string, Modem>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #ticker: NodeJS.Timeout;
  /** What calling a number ends in, instead of a call: BUSY, NO ANSWER ...; "" for silence. */
  readonly ends = new Map<string, string>();
  /** Of a thousand bytes of a call, how many are spoiled. */
  noise = 0;
  /** Calls stand, and nothing passes. */
  mute = false;
  ringMs = 2000;
  trainingMs = 500;
  /** Commands and answers, as they pass. */
  onTalk: (m: Modem, who: "computer" | "modem", line: string) => void = () => {};
  /** Bytes of calls, before noise. */
  onBytes: (from: Modem, data: Uint8Array) => void = () => {};

  constructor() {
    this.#ticker = setInterval(() => {
      for (const m of this.#modems.values()) m.tick();
    }, TICK_MS);
  }
  /** `speed`: of its calls, in bits per second. */
  modem(number: string, speed = 33600): Modem {
    const m = new Modem(this, number, speed);
    this.#modems.set(number, m);
    return m;
  }
  find(number: string): Modem | undefined {
    return this.#modems.get(number);
  }
  later(ms: number, f: () => void): void {
    const t = setTimeout(() => {
      this.#timers.delete(t);
      f();
    }, ms);
    this.#timers.add(t);
  }
  /** Every call breaks. */
  loseCarrier(): void {
    for (const m of this.#modems.values()) m.hangUp();
  }
  close(): void {
    clearInterval(this.#ticker);
    for (const t of this.#timers) clearTimeout(t);
    for (const m of this.#modems.values()) m.close();
    this.#modems.clear();
  }
}

export class Modem {
  readonly number: string;
  readonly speed: number;
  /** Answers to whole commands (upper case), instead of its own; "" for none. */
  readonly replies = new Map<string, string>();
  /** What it was told, in order. */
  readonly commands: string[] = [];
  readonly #exchange: Exchange;
  readonly #pty = new Pty();
  readonly #pace: Pace;
  readonly #registers = new Map<number, number>([
    [0, 0],
    [12, 50],
  ]);
  #echo = true;
  #mode: Mode = "command";
  #peer: Modem | null = null;
  #caller = false;
  #open = false;
  #gone = false;
  #command = "";
  #rings = 0;
  #lastByte = 0;
  #escape = 0;

  constructor(exchange: Exchange, number: string, speed: number) {
    this.#exchange = exchange;
    this.number = number;
    this.speed = speed;
    this.#pace = new Pace(speed);
  }
  get device(): string {
    return this.#pty.device;
  }
  get online(): boolean {
    return this.#mode === "data";
  }
  /** Somebody has the device open. */
  get held(): boolean {
    return this.#open;
  }
  /** Pulled out. */
  close(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.hangUp();
    this.#pty.close();
  }

  tick(): void {
    if (this.#gone) return;
    this.#pty.flush();
    if (this.#mode === "data") this.#carry();
    else
      this.#take(this.#pty.read(MAX_COMMAND), (data) => {
        for (const c of data) this.#key(c);
      });
    if (this.#mode === "data" && this.#escape > 0 && performance.now() - this.#escape >= GUARD_MS) {
      this.#escape = 0;
      this.#mode = "paused";
      this.say("OK");
    }
  }
  /** An answer to the computer. */
  say(line: string): void {
    this.#exchange.onTalk(this, "modem", line);
    if (this.#open) this.#pty.write(text(`\r\n${line}\r\n`));
  }
  /** The call ends, whoever wants it. */
  hangUp(): void {
    const was = this.#mode;
    const peer = this.#peer;
    this.#peer = null;
    this.#mode = "command";
    this.#rings = 0;
    this.#escape = 0;
    this.#command = "";
    if (was === "command") return;
    this.#pty.clear();
    if (was !== "ringing") this.say("NO CARRIER");
    peer?.hangUp();
  }

  #take(data: Uint8Array | null, f: (data: Uint8Array) => void): void {
    if (data === null) {
      this.#open = false;
      this.hangUp();
      return;
    }
    this.#open = true;
    if (data.length > 0) f(data);
  }
  #carry(): void {
    const peer = this.#peer;
    const room = this.#pace.allowed;
    if (!peer || room === 0 || peer.#pty.waiting > 0) return;
    this.#take(this.#pty.read(room), (data) => {
      this.#pace.spend(data.length);
      const now = performance.now();
      this.#escape = now - this.#lastByte >= GUARD_MS && String.fromCharCode(...data) === "+++" ? now : 0;
      this.#lastByte = now;
      this.#exchange.onBytes(this, data);
      if (this.#exchange.mute || peer.#mode !== "data") return;
      peer.#pty.write(spoiled(data, this.#exchange.noise));
    });
  }

  #key(c: number): void {
    if (this.#mode === "calling" || this.#mode === "training") return this.hangUp(); // any key ends dialling
    if (this.#echo && this.#open) this.#pty.write(Uint8Array.of(c));
    if (c !== 13) {
      this.#command = (this.#command + String.fromCharCode(c)).slice(-MAX_COMMAND);
      return;
    }
    const m = /AT(.*)$/is.exec(this.#command.trim());
    this.#command = "";
    if (m) this.#do(`AT${m[1]}`);
  }
  #do(command: string): void {
    this.commands.push(command);
    this.#exchange.onTalk(this, "computer", command);
    const own = this.replies.get(command.toUpperCase());
    if (own !== undefined) {
      if (own !== "") this.say(own);
      return;
    }
    for (let rest = command.slice(2).replaceAll(" ", ""); rest !== ""; ) {
      const dial = /^D[TP]?(.*)$/i.exec(rest);
      if (dial) return this.#dial((dial[1] as string).replace(/[^0-9*#]/g, ""));
      if (/^A$/i.test(rest)) return this.#answer();
      if (/^O0?$/i.test(rest) && this.#peer) {
        this.#mode = "data";
        return this.say(`CONNECT ${this.speed}`);
      }
      const query = /^S(\d+)\?/i.exec(rest);
      if (query) this.say(String(this.#registers.get(Number(query[1])) ?? 0).padStart(3, "0"));
      const set = /^S(\d+)=(\d+)/i.exec(rest);
      if (set) this.#registers.set(Number(set[1]), Number(set[2]));
      const plain = set ?? query ?? /^(?:[&%\\]?[A-Z]\d*)/i.exec(rest);
      if (!plain) return this.say("ERROR");
      const word = plain[0].toUpperCase();
      if (word === "E0" || word === "E") this.#echo = false;
      if (word === "E1" || /^(Z0?|&F0?)$/.test(word)) this.#echo = true;
      if (/^(Z0?|&F0?)$/.test(word)) this.#registers.set(0, 0);
      if (/^[HZ]0?$/.test(word) && this.#mode === "paused") {
        const peer = this.#peer;
        this.#peer = null;
        this.#mode = "command";
        peer?.hangUp();
      }
      rest = rest.slice(plain[0].length);
    }
    this.say("OK");
  }

  #dial(number: string): void {
    this.#mode = "calling";
    this.#exchange.later(300, () => {
      if (this.#mode !== "calling") return;
      const callee = this.#exchange.find(number);
      const free = callee !== undefined && callee.#mode === "command" ? null : "BUSY";
      const end = this.#exchange.ends.get(number) ?? (callee === undefined || callee === this ? "NO CARRIER" : free);
      if (end !== null) {
        this.#mode = "command";
        if (end !== "") this.say(end);
        return;
      }
      this.#caller = true;
      this.#peer = callee ?? null;
      if (callee) callee.#called(this);
    });
  }
  #called(by: Modem): void {
    this.#caller = false;
    this.#peer = by;
    this.#mode = "ringing";
    this.#rings = 0;
    this.#ring();
  }
  #ring(): void {
    if (this.#mode !== "ringing") return;
    this.say("RING");
    this.#rings++;
    const auto = this.#registers.get(0) ?? 0;
    if (auto > 0 && this.#rings >= auto) this.#answer();
    else this.#exchange.later(this.#exchange.ringMs, () => this.#ring());
  }
  #answer(): void {
    const peer = this.#peer;
    if (this.#mode !== "ringing" || !peer || this.#caller) return this.say("NO CARRIER");
    this.#mode = "training";
    this.#exchange.later(this.#exchange.trainingMs, () => {
      if (this.#mode !== "training" || peer.#peer !== this || peer.#mode !== "calling") return;
      for (const m of [this, peer]) {
        m.say(`CONNECT ${m.speed}`);
        m.#mode = "data";
      }
    });
  }
}
