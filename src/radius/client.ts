// A RADIUS client (RFC 2865, 2866): asks one server after the other, sends again with growing pauses (RFC 5080 §2.2.1),
// and takes answers only from whom it asked, proved by the secret. A server that has fallen silent is passed over for a
// while, and what it had not answered goes to the next one at once. Over TLS (RFC 6614) nothing is sent twice on one
// connection; what a lost one was asked goes to the next server, or over the next connection.

import { get8 } from "../core/bytes.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { Counters } from "../core/counters.ts";
import { DecodeError, SystemError } from "../core/errors.ts";
import { uniform } from "../core/rng.ts";
import { contain } from "../core/scope.ts";
import type { Crypto, Tcp, TlsStream, Udp } from "../ports/ports.ts";
import { Attributes } from "./attributes.ts";
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
import {
  type Answer,
  Ask,
  type Kind,
  kindOf,
  Line,
  Peer,
  type Question,
  type RadiusServer,
  sentence,
  whyOf,
} from "./peers.ts";
import { RadsecConnection } from "./radsec.ts";

type RadiusDrop =
  | "radius.unreadable"
  | "radius.unexpected"
  | "radius.wrong-authenticator"
  | "radius.no-message-authenticator"
  | "radius.resent"
  | "radius.failover"
  | "radius.connection-lost"
  | "radius.overflow";

interface ClientDeps {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly udp: Udp;
  /** For servers with TLS. */
  readonly tcp?: Tcp | null;
  /** What a server asks of us over TLS (RFC 6614 §2.5); the answer, null: none. */
  asked?(server: RadiusServer, data: Uint8Array): Uint8Array | null;
  /** A connection that comes to nothing ends its questions: nobody waits for the next one. */
  readonly once?: boolean;
  /** What a question's owner throws, or a bug here. */
  fault(e: unknown): void;
}

/** RFC 5080 §2.2.1: the first pause and the longest, in milliseconds; each is 1.9 to 2.1 times the one before. */
const IRT = 1000;
const MRT = 16_000;
/** Of one server and port: 256 questions at once each, 255 of a connection. */
const SOCKETS = 4;
const QUEUE = 2048;
/**
 * RFC 3539 §3.4.1: a connection on which nothing was heard for so long is asked whether it lives. Servers may close one
 * that is idle for 30 s.
 */
const WATCH_MS = 25_000;
const JITTER_MS = 2000;
/** Between connections that come to nothing, the first and the longest, in milliseconds. */
const RETRY = 1000;
const MOST_RETRY = 30_000;
/** A connection with so many questions given up is closed once nobody waits. */
const MOST_STALE = 128;

/** Of ICMP, as a socket tells it. */
const UNREACHED: readonly string[] = ["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH"];

export interface ServerState {
  readonly name: string;
  readonly address: string;
  readonly tls: boolean;
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
  #closed = false;

  constructor(deps: ClientDeps, servers: readonly RadiusServer[]) {
    this.#deps = deps;
    const retry = (p: Peer): Timer => deps.clock.timer("radsec", () => this.#again(p), this.#entry);
    this.#peers = servers.map((s) => new Peer(s, retry));
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
      const tls = Boolean(p.server.tls);
      const { answers, accepts, rejects, silences } = p;
      const silent = p.deadUntil > now;
      const heard = p.heardAt === Number.NEGATIVE_INFINITY ? "unknown" : "ok";
      const why = silent ? p.trouble || whyOf(p) : "";
      return { name, address, tls, state: silent ? "silent" : heard, answers, accepts, rejects, silences, why };
    });
  }
  /** Returns what takes the question back: its answer is not wanted any more. */
  ask(q: Question): () => void {
    const ask = this.#ask(q, this.#order(q));
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
    this.#closed = true;
    for (const p of this.#peers) {
      const lines = [...p.lines.auth.splice(0), ...p.lines.acct.splice(0)];
      const asks = [...p.queue.splice(0), ...lines.flatMap((line) => [...line.asks.values()])];
      p.retry.disarm();
      for (const line of lines) line.close();
      for (const ask of asks) this.#entry.run(() => this.#end(ask, why));
    }
  }

  readonly #entry = { run: (f: () => void): void => contain(f, (e) => this.#deps.fault(e)) };

  #ask(q: Question, left: Peer[]): Ask {
    this.#size++;
    return new Ask(q, left, (a) => this.#deps.clock.timer("radius", () => this.#late(a), this.#entry));
  }
  /** As configured, those that are silent behind the others. */
  #order(q: Question): Peer[] {
    const now = this.#deps.clock.now();
    const all = this.#peers.filter((p) => (q.only ? p.server === q.only : p.portOf(kindOf(q)) !== 0));
    return [...all.filter((p) => p.deadUntil <= now), ...all.filter((p) => p.deadUntil > now)];
  }
  /** Begins with the next server; or the question has had its time with this one, or a part of it. */
  #late(ask: Ask): void {
    if (ask.over) return;
    const { peer } = ask;
    if (!peer || !ask.slot) return this.#next(ask);
    const now = this.#deps.clock.now();
    const left = ask.until - now;
    if (left <= 0) return this.#unanswered(ask, peer, ask.slot.line);
    if (ask.slot.line.watch) return ask.timer.arm(left);
    this.counters.bump("radius.resent");
    ask.slot.line.socket.send(ask.bytes);
    ask.pause = Math.min(MRT, ask.pause * (1.9 + 0.2 * uniform(this.#deps.crypto)));
    ask.timer.arm(Math.min(ask.pause, left));
  }
  #unanswered(ask: Ask, peer: Peer, line: Line): void {
    const { since } = ask;
    if (ask.q.code !== CODE.statusServer || peer.watched) this.#silent(peer, since);
    this.#next(ask);
    if (line.watch && line.heardAt < since) this.#lost(peer, line, "");
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
      if (ask.left.length > 0) hurry(ask);
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
    ask.until = this.#deps.clock.now() + peer.server.timeoutMs;
    this.#send(ask, peer);
  }
  #send(ask: Ask, peer: Peer): void {
    const slot = this.#slot(ask, peer);
    if (slot === "full") {
      peer.queue.push(ask);
      ask.timer.arm(Math.max(0, ask.until - this.#deps.clock.now()));
      return;
    }
    if (slot) this.#put(ask, peer, slot);
    else this.#next(ask);
  }
  #put(ask: Ask, peer: Peer, slot: { readonly line: Line; readonly id: number }): void {
    const { clock, crypto } = this.#deps;
    const { secret, timeoutMs } = peer.server;
    const authenticator = crypto.random(16);
    const sealer: Sealer = { crypto, secret, authenticator };
    const sealing = { code: ask.q.code, id: slot.id, secret, attributes: ask.q.attributes(sealer) };
    const random = ask.q.code !== CODE.accountingRequest;
    ask.bytes = random ? writeAccess(crypto, sealing, authenticator) : writeSigned(crypto, sealing);
    ask.sealer = random ? sealer : { ...sealer, authenticator: ask.bytes.slice(4, 20) };
    ask.slot = slot;
    ask.since = clock.now();
    // Over TLS nothing is sent again (RFC 6613 §2.6.1); after a lost connection a question has the rest of its time.
    const once = slot.line.watch !== null;
    if (!once) ask.until = ask.since + timeoutMs;
    ask.pause = once ? timeoutMs : IRT * (0.9 + 0.2 * uniform(crypto));
    slot.line.socket.send(ask.bytes);
    ask.timer.arm(Math.max(0, Math.min(ask.pause, ask.until - ask.since)));
  }
  #slot(ask: Ask, peer: Peer): { readonly line: Line; readonly id: number } | "full" | null {
    const kind = kindOf(ask.q);
    const lines = peer.linesOf(kind);
    for (const line of lines) {
      const id = line.take(ask);
      if (id !== null) return { line, id };
    }
    if (this.#closed) return null;
    if (lines.length >= SOCKETS) return "full";
    const wait = peer.retryAt - this.#deps.clock.now();
    if (wait > 0) {
      if (!peer.lasting) peer.retry.arm(wait);
      return peer.lasting ? null : "full";
    }
    try {
      const line = peer.server.tls ? this.#connect(peer, peer.server.tls) : this.#socket(peer, kind);
      if (!line) return null;
      lines.push(line);
      return { line, id: line.take(ask) ?? 0 };
    } catch (e) {
      if (!(e instanceof SystemError)) throw e;
      peer.trouble = e.message;
      return null;
    }
  }
  #socket(peer: Peer, kind: Kind): Line {
    const { crypto, udp } = this.#deps;
    const to = { address: peer.server.address, port: peer.portOf(kind) };
    const heard = (data: Uint8Array): void => this.#entry.run(() => this.#heard(peer, line, data));
    const socket = udp.connect(to, heard, (errno) => {
      if (UNREACHED.includes(errno)) peer.network = errno;
    });
    const line: Line = new Line(socket, crypto.random(1)[0] ?? 0);
    return line;
  }
  /** Null: there is no TLS here, or a file of it is no good. */
  #connect(peer: Peer, tls: () => TlsStream | string): Line | null {
    const { clock, crypto, tcp } = this.#deps;
    const { address, port, timeoutMs } = peer.server;
    const stream = tcp ? tls() : "there is no TCP here";
    if (typeof stream === "string" || !tcp) {
      this.#failed(peer, String(stream), true);
      return null;
    }
    const connection = new RadsecConnection(tcp, { address, port }, stream, {
      packet: (data) => this.#entry.run(() => this.#heard(peer, line, data)),
      ended: (why, lasting) => this.#entry.run(() => this.#lost(peer, line, why, lasting)),
    });
    const look = (): void => {
      if (connection.up) this.#look(peer, line);
      else this.#lost(peer, line, `no TLS within ${timeoutMs / 1000} s`);
    };
    const line: Line = new Line(connection, crypto.random(1)[0] ?? 0, clock.timer("radsec", look, this.#entry));
    line.watch?.arm(timeoutMs);
    return line;
  }
  /** RFC 3539 §3.4, with Status-Server (RFC 5997). */
  #look(peer: Peer, line: Line): void {
    const { clock, crypto } = this.#deps;
    const now = clock.now();
    const quiet = now - line.heardAt;
    line.watch?.arm(Math.max(0, WATCH_MS - (quiet < WATCH_MS ? quiet : 0)) + JITTER_MS * uniform(crypto));
    if (quiet < WATCH_MS) return;
    if (line.stale.has(0)) return this.#lost(peer, line, "");
    const ask = this.#ask({ code: CODE.statusServer, attributes: () => new Attributes(), done: () => {} }, []);
    ask.fresh = false;
    ask.peer = peer;
    ask.until = now + peer.server.timeoutMs;
    line.asks.set(0, ask);
    this.#put(ask, peer, { line, id: 0 });
  }
  #failed(peer: Peer, why: string, lasting: boolean): void {
    const now = this.#deps.clock.now();
    const pause = Math.min(MOST_RETRY, RETRY * 2 ** peer.failures++);
    peer.retryAt = now + pause * (0.9 + 0.2 * uniform(this.#deps.crypto));
    peer.deadUntil = now + peer.server.deadMs;
    peer.trouble = why;
    peer.lasting = lasting;
  }
  /** A connection is over. What it was asked has another one at once, where this one was of use. */
  #lost(peer: Peer, line: Line, why: string, lasting = false): void {
    const lines = peer.linesOf("auth");
    const at = lines.indexOf(line);
    if (at < 0) return;
    lines.splice(at, 1);
    line.close();
    this.counters.bump("radius.connection-lost");
    const useless = line.heardAt === Number.NEGATIVE_INFINITY;
    if (useless) this.#failed(peer, why, lasting);
    for (const ask of [...line.asks.values()]) {
      ask.slot = null;
      if (ask.q.code === CODE.statusServer) {
        this.#end(ask, why);
        continue;
      }
      peer.queue.push(ask);
      if (useless && (lasting || this.#deps.once || ask.left.length > 0)) hurry(ask);
    }
    if (peer.queue.length > 0) peer.retry.arm(Math.max(0, peer.retryAt - this.#deps.clock.now()));
  }
  #again(peer: Peer): void {
    for (const ask of peer.queue.splice(0)) this.#send(ask, peer);
  }
  #heard(peer: Peer, line: Line, data: Uint8Array): void {
    const code = get8(data, 0);
    if (line.watch && (code === CODE.disconnectRequest || code === CODE.coaRequest)) {
      const answer = this.#deps.asked?.(peer.server, data);
      if (answer) line.socket.send(answer);
      return;
    }
    const id = idOf(data);
    const ask = id === null ? undefined : line.asks.get(id);
    if (!ask?.sealer) {
      if (id !== null) line.stale.delete(id);
      return this.counters.bump(id === null ? "radius.unreadable" : "radius.unexpected");
    }
    let packet: RadiusPacket;
    let proof: Proved;
    try {
      packet = readRadius(data);
      proof = provesAnswer(this.#deps.crypto, peer.server.secret, packet, ask.sealer.authenticator);
    } catch (e) {
      if (!(e instanceof DecodeError)) throw e;
      this.counters.bump("radius.unreadable");
      return this.#distrust(peer, line, "what it sends is not RADIUS");
    }
    // FreeRADIUS 3.2 puts none into its answer to Status-Server: it gives nothing, and comes by TLS.
    if (ask.q.code === CODE.statusServer && proof === "no-message-authenticator") proof = "ok";
    if (proof !== "ok") {
      peer.wrong = proof;
      const missing = proof === "no-message-authenticator";
      this.counters.bump(missing ? "radius.no-message-authenticator" : "radius.wrong-authenticator");
      return this.#distrust(peer, line, "");
    }
    if (!ANSWERS[ask.q.code]?.includes(packet.code)) return this.counters.bump("radius.unexpected");
    peer.heardAt = line.heardAt = this.#deps.clock.now();
    peer.deadUntil = peer.retryAt = peer.failures = 0;
    peer.wrong = "ok";
    peer.trouble = peer.network = "";
    peer.answers++;
    peer.watched ||= ask.q.code === CODE.statusServer;
    if (ask.q.code === CODE.accessRequest && packet.code === CODE.accessAccept) peer.accepts++;
    if (packet.code === CODE.accessReject) peer.rejects++;
    ask.answered = true;
    this.#end(ask, { server: peer.server, packet, sealer: ask.sealer });
  }
  /** By UDP anybody on the path can send that: the question stays open for the right answer. */
  #distrust(peer: Peer, line: Line, why: string): void {
    if (line.watch) this.#lost(peer, line, why);
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
    const { line } = slot;
    line.leave(slot.id, ask.answered);
    if (line.asks.size === 0 && line.stale.size >= MOST_STALE) this.#lost(peer, line, "");
    const at = peer.queue.findIndex((a) => peer.linesOf(kindOf(a.q)).includes(line));
    const [waiting] = at < 0 ? [] : peer.queue.splice(at, 1);
    if (waiting) this.#send(waiting, peer);
  }
}

/** Its time with the server that it waits for is over. */
function hurry(ask: Ask): void {
  ask.since = ask.until = Number.NEGATIVE_INFINITY;
  ask.timer.arm(0);
}
const ANSWERS: Readonly<Record<number, readonly number[]>> = {
  [CODE.accessRequest]: [CODE.accessAccept, CODE.accessReject, CODE.accessChallenge],
  [CODE.accountingRequest]: [CODE.accountingResponse],
  [CODE.statusServer]: [CODE.accessAccept, CODE.accountingResponse],
};
