// RADIUS servers as a client sees them: what each is asked, over which sockets, and how it has done so far.
import type { Timer } from "../core/clock.ts";
import type { Secret } from "../core/secret.ts";
import type { TlsStream, UdpSocket } from "../ports/ports.ts";
import type { Attributes } from "./attributes.ts";
import type { Sealer } from "./hiding.ts";
import { CODE, type Proved, type RadiusPacket } from "./packet.ts";

export interface RadiusServer {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** 0: it gets no accounting. With TLS that has the same connection. */
  readonly acctPort: number;
  readonly secret: Secret;
  /** Until the next server is asked. */
  readonly timeoutMs: number;
  /** How long it is passed over after it has fallen silent. */
  readonly deadMs: number;
  /** TLS for a new connection, or a sentence; absent: it is asked by UDP. */
  readonly tls?: (() => TlsStream | string) | null;
}

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

const IDS = 256;

export type Kind = "auth" | "acct";

/** One question and who is asked now. */
export class Ask {
  readonly q: Question;
  readonly left: Peer[];
  readonly timer: Timer;
  slot: { readonly line: Line; readonly id: number } | null = null;
  peer: Peer | null = null;
  sealer: Sealer | null = null;
  bytes: Uint8Array = new Uint8Array(0);
  since = 0;
  /** When the next server is asked. */
  until = 0;
  pause = 0;
  over = false;
  answered = false;
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
export class Line {
  readonly socket: UdpSocket;
  /** Of a connection: looks whether it lives. */
  readonly watch: Timer | null;
  readonly asks = new Map<number, Ask>();
  /** Ids whose questions were given up; on a connection their answers may still come. */
  readonly stale = new Set<number>();
  heardAt = Number.NEGATIVE_INFINITY;
  #next: number;
  constructor(socket: UdpSocket, first: number, watch: Timer | null = null) {
    this.socket = socket;
    this.watch = watch;
    this.#next = first;
  }
  /** Ids come back as late as possible: an old answer must not find a new question. */
  take(ask: Ask): number | null {
    const free = (id: number): boolean =>
      // RFC 6613 §2.6.5: 0 is kept for Status-Server
      !this.asks.has(id) && !this.stale.has(id) && !(this.watch && id === 0);
    for (let i = 0; i < IDS; i++) {
      const id = (this.#next + i) % IDS;
      if (!free(id)) continue;
      this.#next = (id + 1) % IDS;
      this.asks.set(id, ask);
      return id;
    }
    return null;
  }
  /** Nobody waits for this answer any more. */
  leave(id: number, answered: boolean): void {
    this.asks.delete(id);
    if (this.watch && !answered) this.stale.add(id);
  }
  close(): void {
    this.watch?.disarm();
    this.socket.close();
  }
}
/** What we know of a server. */
export class Peer {
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
  /** With TLS: until then no connection is tried again, and whether waiting for it is of no use. */
  retryAt = 0;
  lasting = false;
  /** Connections in a row that nothing was heard on. */
  failures = 0;
  /** It answers Status-Server. */
  watched = false;
  readonly retry: Timer;
  constructor(server: RadiusServer, retry: (peer: Peer) => Timer) {
    this.server = server;
    this.retry = retry(this);
  }
  /** The sockets of a kind; a connection is for both. */
  linesOf(kind: Kind): Line[] {
    return this.lines[this.server.tls ? "auth" : kind];
  }
  portOf(kind: Kind): number {
    const { acctPort, port, tls } = this.server;
    return kind === "acct" && (acctPort === 0 || !tls) ? acctPort : port;
  }
}
export function kindOf(q: Question): Kind {
  return q.code === CODE.accountingRequest ? "acct" : "auth";
}

const WRONG: Readonly<Record<Proved, string>> = {
  ok: "does not answer: is this machine one of its clients, with the same secret?",
  authenticator: "answers with a wrong authenticator: is the secret the same?",
  "message-authenticator": "answers with a wrong Message-Authenticator: is the secret the same?",
  "no-message-authenticator":
    "answers without a Message-Authenticator, so that anybody on the path could have forged it (CVE-2024-3596): " +
    "update it",
};
export function whyOf({ wrong, network }: Peer): string {
  if (wrong !== "ok" || network === "") return WRONG[wrong];
  const refused = network === "ECONNREFUSED";
  return `does not answer: ${refused ? "no program listens on that port there" : `it cannot be reached (${network})`}`;
}
export function sentence(p: Peer): string {
  const { name, address } = p.server;
  const why = p.trouble === "" ? whyOf(p) : `cannot be asked: ${p.trouble}`;
  return `the RADIUS server ${name} (${address}) ${why}`;
}
