// Send something, wait for one of several answers: the engine under every dialogue with a modem or a login prompt. It
// knows no AT command. Peer's bytes are matched as they come, held only up to a bound, and shown with secrets starred.
import type { Clock, Timer } from "../core/clock.ts";
import type { Secret } from "../core/secret.ts";
import { printable } from "../core/words.ts";

export type Piece =
  | { readonly is: "bytes"; readonly bytes: Uint8Array }
  | { readonly is: "secret"; readonly secret: Secret }
  | { readonly is: "pause"; readonly ms: number }
  | { readonly is: "break" };

export interface Step {
  /** What events and failures call it: "init 1", "dial", "login". */
  readonly name: string;
  readonly send: readonly Piece[];
  /** The first of these ends the step. "" is found at once. */
  readonly expect: readonly string[];
  readonly abort: readonly string[];
  /**
   * lines: an answer is the beginning of a line, in any case of letters, and counts when its line ends. text: anywhere,
   * as chat(8) does.
   */
  readonly match: "lines" | "text";
  /** Counted from the last byte sent. */
  readonly timeoutMs: number;
}
/** `answer` is the line it came in, or the text up to it; `sent` and `received` are fit for people. */
export type Outcome =
  | {
      readonly is: "found" | "abort";
      readonly what: string;
      readonly answer: string;
      readonly sent: string;
      readonly received: string;
    }
  | { readonly is: "silence"; readonly sent: string; readonly received: string };

/** The part of a serial port that a dialogue needs. */
export interface Talker {
  write(data: Uint8Array): void;
  sendBreak(): void;
}

/** Characters of the answer that are kept, for matching and for showing. Longer lines are cut. */
const KEPT = 512;
/** Bytes held back while we still send. */
const MAX_HELD = 4096;

export function latin1(b: Uint8Array): string {
  let s = "";
  for (const c of b) s += String.fromCharCode(c);
  return s;
}
export function bytes(text: string): Piece {
  return { is: "bytes", bytes: Uint8Array.from(text, (c) => c.charCodeAt(0)) };
}

export class Conversation {
  readonly #line: Talker;
  readonly #secrets: readonly Secret[];
  readonly #timer: Timer;
  readonly #held: Uint8Array[] = [];
  #heldBytes = 0;
  #step: Step | null = null;
  #done: (o: Outcome) => void = () => {};
  /** Index of the next piece to send; past the end: waiting for the answer. */
  #piece = 0;
  #current = ""; // the unfinished line, or in text mode everything since the step began
  #all = "";
  #feeding = false;

  /** `secrets` are starred wherever they turn up in what comes back. */
  constructor(clock: Clock, line: Talker, secrets: readonly Secret[]) {
    this.#line = line;
    this.#secrets = secrets;
    this.#timer = clock.timer("modem-step", () => this.#tick());
  }
  get busy(): boolean {
    return this.#step !== null;
  }

  /** Begins a step; `done` is called once, and may begin the next one. One at a time. */
  begin(step: Step, done: (o: Outcome) => void): void {
    if (this.#step) throw new RangeError("conversation: a step is under way");
    this.#step = step;
    this.#done = done;
    this.#piece = 0;
    this.#current = "";
    this.#all = "";
    this.#send();
  }
  /** Gives up without an outcome. */
  stop(): void {
    this.#step = null;
    this.#timer.disarm();
    this.#held.length = 0;
    this.#heldBytes = 0;
  }
  /** What came and no step has looked at: the first bytes behind CONNECT are the peer's first frame. */
  rest(): Uint8Array {
    const out = new Uint8Array(this.#heldBytes);
    let at = 0;
    for (const b of this.#held.splice(0)) {
      out.set(b, at);
      at += b.length;
    }
    this.#heldBytes = 0;
    return out;
  }
  /** `chunk` may be reused afterwards. */
  input(chunk: Uint8Array): void {
    if (this.#heldBytes + chunk.length > MAX_HELD) chunk = chunk.subarray(0, Math.max(0, MAX_HELD - this.#heldBytes));
    if (chunk.length === 0) return;
    this.#held.push(chunk.slice());
    this.#heldBytes += chunk.length;
    this.#feed();
  }
  /** What a step sends, with secrets starred and pauses left out. */
  static shown(send: readonly Piece[]): string {
    return printable(send.map(shownPiece).join(""));
  }

  #send(): void {
    const step = this.#step as Step;
    for (let p = step.send[this.#piece]; p; p = step.send[this.#piece]) {
      this.#piece++;
      if (p.is === "bytes") this.#line.write(p.bytes.slice());
      else if (p.is === "secret") p.secret.use((b) => this.#line.write(b.slice()));
      else if (p.is === "break") this.#line.sendBreak();
      else {
        this.#timer.arm(p.ms);
        return;
      }
    }
    this.#piece = step.send.length + 1;
    if (step.expect.includes("")) {
      this.#end("found", "", "");
      return;
    }
    this.#timer.arm(step.timeoutMs);
    this.#feed();
  }
  #tick(): void {
    const step = this.#step;
    if (!step) return;
    if (this.#piece <= step.send.length) {
      this.#send();
      return;
    }
    const done = this.#done;
    const o: Outcome = { is: "silence", sent: Conversation.shown(step.send), received: this.#star(this.#all) };
    this.#step = null;
    done(o);
  }

  #feed(): void {
    if (this.#feeding) return;
    this.#feeding = true;
    try {
      while (this.#held.length > 0 && this.#step && this.#piece > this.#step.send.length) {
        const chunk = this.#held.shift() as Uint8Array;
        this.#heldBytes -= chunk.length;
        const used = this.#look(chunk);
        if (used < chunk.length) {
          this.#held.unshift(chunk.subarray(used));
          this.#heldBytes += chunk.length - used;
        }
        this.#settle();
      }
    } finally {
      this.#feeding = false;
    }
  }
  #found: { readonly is: "found" | "abort"; readonly what: string; readonly answer: string } | null = null;
  /** After the unread bytes are back in their place: the next step begins there. */
  #settle(): void {
    const f = this.#found;
    this.#found = null;
    if (f) this.#end(f.is, f.what, f.answer);
  }
  #end(is: "found" | "abort", what: string, answer: string): void {
    const step = this.#step as Step;
    const done = this.#done;
    this.#timer.disarm();
    this.#step = null;
    done({
      is,
      what,
      answer: this.#star(answer),
      sent: Conversation.shown(step.send),
      received: this.#star(this.#all),
    });
  }

  /** How many bytes were used up; with an answer among them, up to its end. */
  #look(chunk: Uint8Array): number {
    const step = this.#step as Step;
    for (let i = 0; i < chunk.length; i++) {
      const c = String.fromCharCode(chunk[i] ?? 0);
      this.#all = (this.#all + c).slice(-KEPT);
      if (step.match === "text") this.#text(step, c);
      else this.#lines(step, c);
      if (this.#found) return i + 1;
    }
    return chunk.length;
  }
  #text(step: Step, c: string): void {
    this.#current = (this.#current + c).slice(-KEPT);
    const hit = (list: readonly string[]): string | undefined => list.find((w) => this.#current.endsWith(w));
    const good = hit(step.expect);
    const bad = good === undefined ? hit(step.abort) : undefined;
    if (good !== undefined) this.#found = { is: "found", what: good, answer: this.#current };
    else if (bad !== undefined) this.#found = { is: "abort", what: bad, answer: this.#current };
  }
  #lines(step: Step, c: string): void {
    if (c !== "\r" && c !== "\n") {
      if (this.#current.length < KEPT) this.#current += c;
      return;
    }
    const line = this.#current.trim();
    this.#current = "";
    if (line === "") return;
    const upper = line.toUpperCase();
    // A whole word: OK is not the beginning of OKAY, nor BUSY of an echoed command.
    const hit = (list: readonly string[]): string | undefined =>
      list.find((w) => upper.startsWith(w.toUpperCase()) && !/[A-Z0-9]/.test(upper.charAt(w.length)));
    const bad = hit(step.abort);
    const good = bad === undefined ? hit(step.expect) : undefined;
    if (bad !== undefined) this.#found = { is: "abort", what: bad, answer: line };
    else if (good !== undefined) this.#found = { is: "found", what: good, answer: line };
  }
  #star(text: string): string {
    let out = text;
    for (const s of this.#secrets) {
      const plain = s.use(latin1);
      if (plain !== "") out = out.replaceAll(plain, "***");
    }
    return printable(out);
  }
}

function shownPiece(p: Piece): string {
  switch (p.is) {
    case "bytes":
      return latin1(p.bytes);
    case "secret":
      return "***";
    case "break":
      return "<break>";
    default:
      return "";
  }
}
