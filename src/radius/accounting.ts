// RADIUS accounting (RFC 2866, 2869): each session's start, interim updates and stop, each sent until a server has
// answered it; and the stops that a crash owes, which a journal keeps for the next start.

import { Reader } from "../core/bytes.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { Counters } from "../core/counters.ts";
import { hex, unhex } from "../core/text.ts";
import type { Journal } from "../ports/ports.ts";
import { Attributes } from "./attributes.ts";
import type { RadiusClient } from "./client.ts";
import { CODE } from "./packet.ts";

export interface Usage {
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly rxPackets: number;
  readonly txPackets: number;
}
interface AccountingDeps {
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  wallClock(): number;
  client(): RadiusClient;
  readonly journal: Journal | null;
}
/** RFC 2866 §5.1 and §5.10. */
const STATUS = { start: 1, stop: 2, interim: 3, on: 7, off: 8 } as const;
const NAS_ERROR = 9;

/** Records that are on their way at once; the others wait here, and leave room for logins. */
const WINDOW = 256;
/** Records in all: of each session there are two or three. */
const MOST = 12_288;
const AGAIN_MS = 30_000;
const DAY_MS = 86_400_000;

/** What happened, and when: all but the delay is settled. */
interface Entry {
  readonly id: string;
  readonly status: number;
  readonly attributes: Attributes;
  /** Wall clock, seconds. */
  readonly at: number;
  readonly since: number;
}

export class Accounting {
  readonly #deps: AccountingDeps;
  readonly counters = new Counters<"radius.accounting-lost" | "radius.accounting-unanswered">();
  /** By session, oldest first: what is behind another of the same session waits for it. */
  readonly #entries = new Map<string, Entry[]>();
  /** Sessions whose first entry may go out. */
  readonly #ready: string[] = [];
  #size = 0;
  #flying = 0;
  #later: string[] = [];
  readonly #again: Timer;
  /** What the journal has of sessions that have not ended for RADIUS: their lines. */
  readonly #live = new Map<string, string[]>();
  #lines = 0;

  constructor(deps: AccountingDeps) {
    this.#deps = deps;
    this.#again = deps.clock.timer("radius accounting", () => {
      this.#ready.push(...this.#later.splice(0));
      this.#pump();
    });
  }
  /** Records that no server has answered yet. */
  get size(): number {
    return this.#size;
  }
  /** Wall clock, seconds. */
  get now(): number {
    return Math.floor(this.#deps.wallClock() / 1000);
  }
  /** The server begins: `about` is in every record about it. What an earlier process left open ends here. */
  on(about: Attributes): void {
    const owed = this.#read();
    this.#rewrite();
    this.#put("on", STATUS.on, about);
    for (const e of owed) this.#add(e);
  }
  off(about: Attributes): void {
    this.#put("off", STATUS.off, about);
  }
  start(id: string, about: Attributes): void {
    this.#write(id, JSON.stringify({ id, t: this.now, a: hex(about.write()) }));
    this.#put(id, STATUS.start, about);
  }
  interim(id: string, about: Attributes, seconds: number, u: Usage): void {
    this.#write(id, lineOf(id, u, this.now));
    const waiting = this.#entries.get(id);
    // One that has not gone out yet is not worth it any more.
    if (waiting && waiting.length > 1 && waiting.at(-1)?.status === STATUS.interim)
      this.#size -= waiting.splice(-1).length;
    this.#put(id, STATUS.interim, used(about, seconds, u));
  }
  stop(id: string, about: Attributes, seconds: number, u: Usage, cause: number): void {
    this.#write(id, lineOf(id, u, this.now, cause));
    this.#put(id, STATUS.stop, used(about, seconds, u).add("Acct-Terminate-Cause", cause));
  }
  /** Nothing is sent any more; the journal has what is owed. */
  close(): void {
    this.#again.disarm();
    this.#entries.clear();
    this.#ready.length = 0;
    this.#later.length = 0;
    this.#deps.journal?.close();
  }

  #put(id: string, status: number, attributes: Attributes): void {
    this.#add({ id, status, attributes, at: this.now, since: this.#deps.clock.now() });
  }
  #add(e: Entry): void {
    if (!this.#deps.client().accounts) return this.#ended(e);
    if (this.#size >= MOST) return this.counters.bump("radius.accounting-lost");
    this.#size++;
    const list = this.#entries.get(e.id);
    if (list) return void list.push(e);
    this.#entries.set(e.id, [e]);
    this.#ready.push(e.id);
    this.#pump();
  }
  #pump(): void {
    while (this.#flying < WINDOW) {
      const id = this.#ready.shift();
      if (id === undefined) return;
      const [e] = this.#entries.get(id) ?? [];
      if (e) this.#send(e);
    }
  }
  #send(e: Entry): void {
    this.#flying++;
    this.#deps.client().ask({
      code: CODE.accountingRequest,
      attributes: () => {
        const { at, status, attributes } = e;
        const a = new Attributes().add("Acct-Status-Type", status).add("Event-Timestamp", at);
        return a.add("Acct-Delay-Time", Math.max(0, this.now - at)).addAll(attributes);
      },
      done: (answer) => {
        this.#flying--;
        this.#answered(e, typeof answer !== "string");
        this.#pump();
      },
    });
  }
  #answered(e: Entry, ok: boolean): void {
    const list = this.#entries.get(e.id);
    if (list?.[0] !== e) return; // closed meanwhile
    if (!ok && this.#deps.clock.now() - e.since < DAY_MS) {
      this.counters.bump("radius.accounting-unanswered");
      this.#later.push(e.id);
      if (!this.#again.armed) this.#again.arm(AGAIN_MS);
      return;
    }
    list.shift();
    this.#size--;
    this.#ended(e);
    if (list.length === 0) this.#entries.delete(e.id);
    else this.#ready.push(e.id);
  }
  /** RADIUS knows of the end: the journal may forget it. */
  #ended(e: Entry): void {
    if (e.status !== STATUS.stop || !this.#live.delete(e.id)) return;
    this.#line(JSON.stringify({ id: e.id }));
    if (this.#lines > 2 * this.#live.size + 1024) this.#rewrite();
  }

  #write(id: string, line: string): void {
    const [first = line] = this.#live.get(id) ?? [];
    this.#live.set(id, first === line ? [line] : [first, line]);
    this.#line(line);
  }
  #line(line: string): void {
    this.#lines++;
    this.#deps.journal?.append(line);
  }
  #rewrite(): void {
    const lines = [...this.#live.values()].flat();
    this.#lines = lines.length;
    this.#deps.journal?.replace(lines);
  }
  /** Stops of sessions that the journal has open. What cannot be read is not there: the file may end anywhere. */
  #read(): Entry[] {
    const open = new Map<string, { begin: Begun; last: Last | null; lines: string[] }>();
    for (const line of this.#deps.journal?.read() ?? []) {
      const l = parsed(line);
      const known = l && open.get(l.id);
      if (!l) continue;
      if (l.a !== undefined && l.t !== undefined)
        open.set(l.id, { begin: { t: l.t, a: l.a }, last: null, lines: [line] });
      else if (l.n && l.at !== undefined && known)
        open.set(l.id, { ...known, last: { n: l.n, at: l.at, c: l.c }, lines: [...known.lines.slice(0, 1), line] });
      else open.delete(l.id);
    }
    const out: Entry[] = [];
    for (const [id, { begin, last, lines }] of [...open].slice(-MOST / 2)) {
      const bytes = unhex(begin.a);
      if (!bytes) continue;
      const [rxBytes = 0, txBytes = 0, rxPackets = 0, txPackets = 0] = last?.n ?? [];
      const at = last?.at ?? begin.t;
      const u = { rxBytes, txBytes, rxPackets, txPackets };
      const about = used(Attributes.read(new Reader(bytes)), at - begin.t, u);
      this.#live.set(id, lines);
      const attributes = about.add("Acct-Terminate-Cause", last?.c ?? NAS_ERROR);
      out.push({ id, status: STATUS.stop, attributes, at, since: this.#deps.clock.now() });
    }
    return out;
  }
}
function lineOf(id: string, u: Usage, at: number, cause?: number): string {
  return JSON.stringify({ id, n: [u.rxBytes, u.txBytes, u.rxPackets, u.txPackets], at, c: cause });
}
interface Begun {
  readonly t: number;
  readonly a: string;
}
interface Last {
  readonly n: readonly number[];
  readonly at: number;
  /** Of a stop: its Acct-Terminate-Cause. */
  readonly c?: number | undefined;
}
/** One line of the journal: written by ourselves, but not always to its end. */
function parsed(line: string): ({ readonly id: string } & Partial<Begun & Last>) | null {
  try {
    const x: unknown = JSON.parse(line);
    const whole = typeof x === "object" && x !== null && "id" in x && typeof x.id === "string";
    return whole ? (x as { id: string }) : null;
  } catch {
    return null;
  }
}
const GIGA = 0x1_0000_0000;
function used(about: Attributes, seconds: number, u: Usage): Attributes {
  const out = new Attributes().addAll(about).add("Acct-Session-Time", Math.max(0, seconds));
  const low = (n: number): number => n % GIGA;
  out.add("Acct-Input-Octets", low(u.rxBytes)).add("Acct-Output-Octets", low(u.txBytes));
  out.add("Acct-Input-Packets", low(u.rxPackets)).add("Acct-Output-Packets", low(u.txPackets));
  const high = (n: number): number[] => (n >= GIGA ? [Math.floor(n / GIGA)] : []);
  return out.add("Acct-Input-Gigawords", ...high(u.rxBytes)).add("Acct-Output-Gigawords", ...high(u.txBytes));
}
