// A RADIUS client (RFC 2865, 2866): asks one server after the other, sends again with growing pauses (RFC 5080 §2.2.1),
// and takes answers only from whom it asked, proved by the secret. A server that has fallen silent is passed over for a
// while, and what it had not answered goes to the next one at once.

import type { Clock, Timer } from "../core/clock.ts";
import { Counters } from "../core/counters.ts";
import { DecodeError, SystemError } from "../core/errors.ts";
import { uniform } from "../core/rng.ts";
import { contain } from "../core/scope.ts";
import type { Secret } from "../core/secret.ts";
import type { Crypto, Udp, UdpSocket } from "../ports/ports.ts";
import type { Attributes } from "./attributes.ts";
import type { Sealer } from "./hiding.ts";
import {
  CODE,
  idOf,
  type Proved,
  provesAnswer,
  type RadiusPacket,
  readRadius,
  writeAccess,
  writeSigned,
} from "./packet.ts";

export interface RadiusServer {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** 0: it gets no accounting. */
  readonly acctPort: number;
  readonly secret: Secret;
  /** Until the next server is asked. */
  readonly timeoutMs: number;
  /** How long it is passed over after it has fallen silent. */
  readonly deadMs: number;
}
type RadiusDrop =
  | "radius.unreadable"
  | "radius.unexpected"
  | "radius.wrong-authenticator"
  | "radius.no-message-authenticator"
  | "radius.resent"
  | "radius.failover"
  | "radius.overflow";

export interface Answer {
  readonly server: RadiusServer;
  readonly packet: RadiusPacket;
  /** What its keys are hidden with. */
  readonly sealer: Sealer;
}
export interface Question {
  readonly code: number;
  /** Of each packet that is made: one to each server that is asked. */
  attributes(sealer: Sealer): Attributes;
  /** The one server to be asked; absent: all, one after the other. */
  readonly only?: RadiusServer;
  /** A sentence: nobody answered, or not as it should be. Once, never inside ask(). */
  done(answer: Answer | string): void;
}
interface ClientDeps {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly udp: Udp;
  /** What a question's owner throws, or a bug here. */
  fault(e: unknown): void;
}

/** RFC 5080 §2.2.1: the first pause and the longest, in milliseconds; each is 1.9 to 2.1 times the one before. */
const IRT = 1000;
const MRT = 16_000;
const IDS = 256;
/** Of one server and port: 256 questions at once each. */
const SOCKETS = 4;
const QUEUE = 2048;

/** Of ICMP, as a socket tells it. */
const UNREACHED: readonly string[] = ["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH"];

type Kind = "auth" | "acct";

/** One question and who is asked now. */
class Ask {
  readonly q: Question;
  readonly left: Peer[];
  readonly timer: Timer;
  slot: { readonly line: Line; readonly id: number } | null = null;
  peer: Peer | null = null;
  sealer: Sealer | null = null;
  bytes: Uint8Array = new Uint8Array(0);
  since = 0;
  pause = 0;
  over = false;
  /** Inside ask(), where nobody is told anything. */
  fresh = true;
  why = "";
  constructor(q: Question, left: Peer[], timer: (ask: Ask) => Timer) {
    this.q = q;
    this.left = left;
    this.timer = timer(this);
  }
}
/** A socket and who waits for which id on it. */
class Line {
  readonly socket: UdpSocket;
  readonly asks = new Map<number, Ask>();
  #next: number;
  constructor(socket: UdpSocket, first: number) {
    this.socket = socket;
    this.#next = first;
  }
  /** Ids come back as late as possible: an old answer must not find a new question. */
  take(ask: Ask): number | null {
    if (this.asks.size >= IDS) return null;
    while (this.asks.has(this.#next)) this.#next = (this.#next + 1) % IDS;
    const id = this.#next;
    this.#next = (id + 1) % IDS;
    this.asks.set(id, ask);
    return id;
  }
}
/** What we know of a server. */
class Peer {
  readonly server: RadiusServer;
  readonly lines: Readonly<Record<Kind, Line[]>> = { auth: [], acct: [] };
  readonly queue: Ask[] = [];
  heardAt = Number.NEGATIVE_INFINITY;
  deadUntil = 0;
  /** What was wrong with its last answer. */
  wrong: Proved | "ok" = "ok";
  trouble = "";
  /** What the network said of it since its last answer. */
  network = "";
  answers = 0;
  accepts = 0;
  rejects = 0;
  /** Questions that it let lie, or that could not be put to it. */
  silences = 0;
  constructor(server: RadiusServer) {
    this.server = server;
  }
}
const WRONG: Readonly<Record<Proved, string>> = {
  ok: "does not answer: is this machine one of its clients, with the same secret?",
  authenticator: "answers with a wrong authenticator: is the secret the same?",
  "message-authenticator": "answers with a wrong Message-Authenticator: is the secret the same?",
  "no-message-authenticator":
    "answers without a Message-Authenticator, so that anybody on the path could have forged it (CVE-2024-3596): " +
    "update it",
};

export interface ServerState {
  readonly name: string;
  readonly address: string;
  readonly state: "ok" | "silent" | "unknown";
  /** Answers in all, and what those to logins were. */
  readonly answers: number;
  readonly accepts: number;
  readonly rejects: number;
  /** Questions that it has not answered. */
  readonly silences: number;
  readonly why: string;
}

export class RadiusClient {
  readonly #deps: ClientDeps;
  readonly #peers: readonly Peer[];
  readonly counters = new Counters<RadiusDrop>();
  #size = 0;

  constructor(deps: ClientDeps, servers: readonly RadiusServer[]) {
    this.#deps = deps;
    this.#peers = servers.map((s) => new Peer(s));
  }
  /** Questions that are open. */
  get size(): number {
    return this.#size;
  }
  /** Whether any server takes accounting. */
  get accounts(): boolean {
    return this.#peers.some((p) => p.server.acctPort !== 0);
  }
  servers(): ServerState[] {
    const now = this.#deps.clock.now();
    return this.#peers.map((p) => {
      const { name, address } = p.server;
      const { answers, accepts, rejects, silences } = p;
      const silent = p.deadUntil > now;
      const heard = p.heardAt === Number.NEGATIVE_INFINITY ? "unknown" : "ok";
      const why = silent ? p.trouble || whyOf(p) : "";
      return { name, address, state: silent ? "silent" : heard, answers, accepts, rejects, silences, why };
    });
  }
  /** Returns what takes the question back: its answer is not wanted any more. */
  ask(q: Question): () => void {
    const { clock } = this.#deps;
    const ask = new Ask(q, this.#order(q), (a) => clock.timer("radius", () => this.#late(a), this.#entry));
    this.#size++;
    if (this.#size > QUEUE) {
      this.counters.bump("radius.overflow");
      ask.why = "too many questions to RADIUS servers are open";
      ask.left.length = 0;
    }
    this.#entry.run(() => this.#next(ask));
    ask.fresh = false;
    return () => this.#release(ask);
  }
  /** Every question ends with this sentence, and nothing is heard any more. */
  close(why: string): void {
    for (const p of this.#peers) {
      const lines = [...p.lines.auth.splice(0), ...p.lines.acct.splice(0)];
      const asks = [...p.queue.splice(0), ...lines.flatMap((line) => [...line.asks.values()])];
      for (const line of lines) line.socket.close();
      for (const ask of asks) this.#entry.run(() => this.#end(ask, why));
    }
  }

  readonly #entry = { run: (f: () => void): void => contain(f, (e) => this.#deps.fault(e)) };

  /** As configured, those that are silent behind the others. */
  #order(q: Question): Peer[] {
    const now = this.#deps.clock.now();
    const all = this.#peers.filter((p) => (q.only ? p.server === q.only : portOf(p, kindOf(q)) !== 0));
    return [...all.filter((p) => p.deadUntil <= now), ...all.filter((p) => p.deadUntil > now)];
  }
  /** Begins with the next server; or the question has had its time with this one, or a part of it. */
  #late(ask: Ask): void {
    if (ask.over) return;
    const { peer } = ask;
    if (!peer || !ask.slot) return this.#next(ask);
    const now = this.#deps.clock.now();
    const left = ask.since + peer.server.timeoutMs - now;
    if (left <= 0) {
      this.#silent(peer, ask.since);
      return this.#next(ask);
    }
    this.counters.bump("radius.resent");
    ask.slot.line.socket.send(ask.bytes);
    ask.pause = Math.min(MRT, ask.pause * (1.9 + 0.2 * uniform(this.#deps.crypto)));
    ask.timer.arm(Math.min(ask.pause, left));
  }
  /** Nothing has been heard from it since `since`: what else it was asked then, or earlier, need not wait as long. */
  #silent(peer: Peer, since: number): void {
    if (peer.heardAt >= since) return;
    const { clock } = this.#deps;
    const known = peer.deadUntil > clock.now();
    peer.deadUntil = clock.now() + peer.server.deadMs;
    if (known || this.#peers.length === 1) return;
    const asked = [...peer.lines.auth, ...peer.lines.acct].flatMap((line) => [...line.asks.values()]);
    for (const ask of [...asked, ...peer.queue]) {
      if (ask.left.length === 0) continue;
      ask.since = Number.NEGATIVE_INFINITY;
      ask.timer.arm(0);
    }
  }
  #next(ask: Ask): void {
    const before = ask.peer;
    if (before) {
      before.silences++;
      ask.why = sentence(before);
      this.#leave(ask);
    }
    const peer = ask.left.shift();
    if (!peer && ask.fresh) return ask.timer.arm(0);
    if (!peer) return this.#end(ask, ask.why || "no RADIUS server is configured for this");
    if (before) this.counters.bump("radius.failover");
    ask.peer = peer;
    this.#send(ask, peer);
  }
  #send(ask: Ask, peer: Peer): void {
    const kind = kindOf(ask.q);
    const { clock, crypto } = this.#deps;
    const slot = this.#slot(ask, peer, kind);
    if (slot === "full") {
      peer.queue.push(ask);
      ask.timer.arm(peer.server.timeoutMs);
      return;
    }
    if (!slot) return this.#next(ask);
    const { secret } = peer.server;
    const authenticator = crypto.random(16);
    const sealer: Sealer = { crypto, secret, authenticator };
    const sealing = { code: ask.q.code, id: slot.id, secret, attributes: ask.q.attributes(sealer) };
    const random = ask.q.code !== CODE.accountingRequest;
    ask.bytes = random ? writeAccess(crypto, sealing, authenticator) : writeSigned(crypto, sealing);
    ask.sealer = random ? sealer : { ...sealer, authenticator: ask.bytes.slice(4, 20) };
    ask.slot = slot;
    ask.since = clock.now();
    ask.pause = IRT * (0.9 + 0.2 * uniform(crypto));
    slot.line.socket.send(ask.bytes);
    ask.timer.arm(Math.min(ask.pause, peer.server.timeoutMs));
  }
  #slot(ask: Ask, peer: Peer, kind: Kind): { readonly line: Line; readonly id: number } | "full" | null {
    const lines = peer.lines[kind];
    for (const line of lines) {
      const id = line.take(ask);
      if (id !== null) return { line, id };
    }
    if (lines.length >= SOCKETS) return "full";
    try {
      const to = { address: peer.server.address, port: portOf(peer, kind) };
      const heard = (data: Uint8Array): void => this.#entry.run(() => this.#heard(peer, line, data));
      const socket = this.#deps.udp.connect(to, heard, (errno) => {
        if (UNREACHED.includes(errno)) peer.network = errno;
      });
      const line = new Line(socket, this.#deps.crypto.random(1)[0] ?? 0);
      lines.push(line);
      return { line, id: line.take(ask) ?? 0 };
    } catch (e) {
      if (!(e instanceof SystemError)) throw e;
      peer.trouble = e.message;
      return null;
    }
  }
  #heard(peer: Peer, line: Line, data: Uint8Array): void {
    const id = idOf(data);
    const ask = id === null ? undefined : line.asks.get(id);
    if (!ask?.sealer) return this.counters.bump(id === null ? "radius.unreadable" : "radius.unexpected");
    let packet: RadiusPacket;
    let proof: Proved;
    try {
      packet = readRadius(data);
      proof = provesAnswer(this.#deps.crypto, peer.server.secret, packet, ask.sealer.authenticator);
    } catch (e) {
      if (!(e instanceof DecodeError)) throw e;
      return this.counters.bump("radius.unreadable");
    }
    if (proof !== "ok") {
      // Anybody on the path can send this: the question stays open for the right answer.
      peer.wrong = proof;
      const missing = proof === "no-message-authenticator";
      return this.counters.bump(missing ? "radius.no-message-authenticator" : "radius.wrong-authenticator");
    }
    if (!ANSWERS[ask.q.code]?.includes(packet.code)) return this.counters.bump("radius.unexpected");
    peer.heardAt = this.#deps.clock.now();
    peer.deadUntil = 0;
    peer.wrong = "ok";
    peer.trouble = peer.network = "";
    peer.answers++;
    if (ask.q.code === CODE.accessRequest && packet.code === CODE.accessAccept) peer.accepts++;
    if (packet.code === CODE.accessReject) peer.rejects++;
    this.#end(ask, { server: peer.server, packet, sealer: ask.sealer });
  }
  #end(ask: Ask, answer: Answer | string): void {
    if (ask.over) return;
    this.#release(ask);
    ask.q.done(answer);
  }
  #release(ask: Ask): void {
    if (ask.over) return;
    ask.over = true;
    ask.timer.disarm();
    this.#size--;
    this.#leave(ask);
  }
  /** Its id is free: the next in the queue has it. */
  #leave(ask: Ask): void {
    const { slot, peer } = ask;
    ask.slot = null;
    ask.peer = null;
    if (!peer) return;
    if (!slot) {
      const at = peer.queue.indexOf(ask);
      if (at >= 0) peer.queue.splice(at, 1);
      return;
    }
    slot.line.asks.delete(slot.id);
    const kind: Kind = peer.lines.auth.includes(slot.line) ? "auth" : "acct";
    const at = peer.queue.findIndex((a) => kindOf(a.q) === kind);
    const [waiting] = at < 0 ? [] : peer.queue.splice(at, 1);
    if (waiting) this.#send(waiting, peer);
  }
}

const ANSWERS: Readonly<Record<number, readonly number[]>> = {
  [CODE.accessRequest]: [CODE.accessAccept, CODE.accessReject, CODE.accessChallenge],
  [CODE.accountingRequest]: [CODE.accountingResponse],
  [CODE.statusServer]: [CODE.accessAccept, CODE.accountingResponse],
};
function kindOf(q: Question): Kind {
  return q.code === CODE.accountingRequest ? "acct" : "auth";
}
function portOf(p: Peer, kind: Kind): number {
  return kind === "acct" ? p.server.acctPort : p.server.port;
}
function whyOf({ wrong, network }: Peer): string {
  if (wrong !== "ok" || network === "") return WRONG[wrong];
  const refused = network === "ECONNREFUSED";
  return `does not answer: ${refused ? "no program listens on that port there" : `it cannot be reached (${network})`}`;
}
function sentence(p: Peer): string {
  const { name, address } = p.server;
  const why = p.trouble === "" ? whyOf(p) : `cannot be asked: ${p.trouble}`;
  return `the RADIUS server ${name} (${address}) ${why}`;
}
