// One dialer before a modem whose every word the test decides.
import type { Failure } from "../../src/core/errors.ts";
import { Secret } from "../../src/core/secret.ts";
import { latin1 } from "../../src/modem/conversation.ts";
import { type DialConfig, Dialer, type DialLine, type DialOwner } from "../../src/modem/dialer.ts";
import type { Network } from "../../src/modem/network.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";

export class FakeLine implements DialLine {
  readonly sent: string[] = [];
  readonly dtr: boolean[] = [];
  breaks = 0;
  carrier: boolean | null = null;
  /** What comes back for a line that was sent; undefined: nothing. */
  reply: (line: string) => string | undefined = () => undefined;
  say: (text: string) => void = () => {};
  #typed = "";
  write(data: Uint8Array): void {
    const text = latin1(data);
    this.sent.push(text);
    this.#typed += text;
    for (let at = this.#typed.indexOf("\r"); at >= 0; at = this.#typed.indexOf("\r")) {
      const line = this.#typed.slice(0, at);
      this.#typed = this.#typed.slice(at + 1);
      const r = this.reply(line);
      if (r !== undefined) this.say(r);
    }
  }
  sendBreak(): void {
    this.breaks++;
  }
  setDtr(on: boolean): void {
    this.dtr.push(on);
  }
}

export interface RigOptions {
  readonly byteMs?: number;
  readonly echo?: boolean;
  readonly carrier?: boolean | null;
}
export const IDENTITY = { user: "alice", password: Secret.of("w0nderland") };
export const PLAIN: DialConfig = {
  dialCommand: "ATDT",
  carrierCheck: true,
  commandMs: 5000,
  connectMs: 60_000,
  loginMs: 45_000,
  init: ["ATZ"],
  pin: null,
  pinSpent: false,
  apn: null,
  phone: "5551234",
  login: "none",
  identity: IDENTITY,
};

export function rig(cfg: Partial<DialConfig>, reply: (line: string) => string | undefined, o: RigOptions = {}) {
  const clock = new VirtualClock();
  const line = new FakeLine();
  line.carrier = o.carrier ?? null;
  const seen = {
    steps: [] as string[],
    answers: [] as string[],
    failures: [] as Failure[],
    connected: [] as { speed: number; answer: string; rest: string }[],
    at: 0,
    network: [] as Network[],
    pins: [] as boolean[],
  };
  const owner: DialOwner = {
    onStep: (step, sent) => void seen.steps.push(`${step}: ${sent}`),
    onAnswer: (step, received) => void seen.answers.push(`${step}: ${received}`),
    onPin: (right) => void seen.pins.push(right),
    onNetwork: (n) => void seen.network.push(n),
    onConnected: (speed, answer, rest) => {
      seen.connected.push({ speed, answer, rest: latin1(rest) });
      seen.at = clock.now();
    },
    onFailed: (why) => {
      seen.failures.push(why);
      seen.at = clock.now();
    },
  };
  const dialer = new Dialer(clock, line, { ...PLAIN, ...cfg }, owner);
  let due = 0;
  line.say = (text) => {
    const chunks = o.byteMs ? [...text] : [text];
    due = Math.max(due, clock.now());
    for (const c of chunks) {
      due += o.byteMs ?? 1;
      clock.timer("modem", () => dialer.input(Uint8Array.from(c, (x) => x.charCodeAt(0)))).arm(due - clock.now());
    }
  };
  line.reply = (typed) => {
    const r = reply(typed);
    return o.echo ? `${typed}\r${r ?? ""}` : r;
  };
  return { clock, line, dialer, seen };
}
