// What a server takes that accepts none of our proposals: asked, not guessed, when a person wants to know (doctor). First
// messages of main mode, one after another: they prove nothing and need no key. At most MOST of them, one every PACE_MS.
// Where main mode is in vain some go out as aggressive mode: old servers with group names have nothing else.
// Where phase 1 is fine the question is what ESP the server takes, with and without perfect forward secrecy; that needs
// the key, and asks with whole connections.
import type { Timer } from "../core/clock.ts";
import { faultEvent } from "../core/fault.ts";
import { Scope } from "../core/scope.ts";
import { hex } from "../core/text.ts";
import type { Crypto, DhGroupName, Endpoint } from "../ports/ports.ts";
import { weak } from "./choice.ts";
import { AUTH, type IkeProposal, ikeTransform, matchesIke, parseEspProposal, parseIkeProposal } from "./proposals.ts";
import { type IkeConnectConfig, type IkeConnection, type IkeEnv, type IkeOwner, ISAKMP_PORT } from "./types.ts";
import type { Message } from "./v1/exchange.ts";
import { clearNotifications } from "./v1/informational.ts";
import { NONCE_BYTES } from "./v1/phase1.ts";
import { EXCHANGE, FLAG, writeMessage } from "./wire/header.ts";
import { addressId, writeId } from "./wire/id.ts";
import { one, PAYLOAD, payload, readChain, writeChain } from "./wire/payloads.ts";
import { PROTOCOL, readSa, writeSa } from "./wire/sa.ts";

/** First messages of one survey. */
export const MOST = 40;
export const PACE_MS = 100;
/** How long the last answers may take, and one connection. */
const PATIENCE_MS = 2000;
const CONNECTION_MS = 4000;
/** Proposals that are enough: each is a half-open exchange that the server keeps for a while, and some allow few. */
const ENOUGH = 4;
/** A message of so many transforms fits into a packet. */
const TRANSFORMS = 30;
const LIFE_SECONDS = 28_800;

const GROUPS: readonly DhGroupName[] = [
  "x25519",
  "ecp256",
  "modp2048",
  "ecp384",
  "modp1536",
  "modp1024",
  "modp3072",
  "modp4096",
  "ecp521",
  "modp6144",
  "modp8192",
];
/** In aggressive mode each message has a key exchange: no costly groups. */
const AGGRESSIVE: readonly DhGroupName[] = ["modp2048", "modp1536", "modp1024", "ecp256"];
const CIPHERS = ["aes256", "aes128", "aes192", "camellia256", "camellia128", "3des"];
const HASHES = ["sha256", "sha512", "sha384", "sha1", "md5"];
const ESP =
  "aes256gcm16 aes128gcm16 chacha20poly1305 aes256-sha256 aes128-sha256 aes256-sha512 aes256-sha384 aes256gcm12 " +
  "aes128gcm12 aes256-sha1 aes192-sha1 aes128-sha1 camellia256-sha1 3des-sha1 aes256-md5 aes128-md5 3des-md5";
/** What servers insist on besides phase 1's group, which every connection tries by itself. */
const PFS: readonly (DhGroupName | null)[] = [null, "modp1024", "modp1536", "modp2048", "ecp256", "ecp384", "modp3072"];

/** What to write into the configuration, for people and for programs. */
export interface Advice {
  readonly option: "ike_proposals" | "esp_proposals" | "ike_mode";
  readonly value: string;
  /** Only what can be broken is left. */
  readonly weak: boolean;
}
export interface Findings {
  readonly text: string;
  readonly advice: Advice | null;
  /** The server takes these, in the order in which it was asked. */
  readonly proposals: readonly string[];
}
interface SurveyDeps {
  readonly scope: Scope;
  readonly crypto: Crypto;
  send(message: Uint8Array): void;
  connect(cfg: IkeConnectConfig, owner: IkeOwner): IkeConnection;
  done(f: Findings): void;
}
interface ToAsk {
  readonly mode: number;
  readonly proposals: readonly IkeProposal[];
  readonly tries: number;
}
interface Question extends ToAsk {
  readonly icookie: Uint8Array;
  answered: boolean;
}

class Survey {
  readonly #cfg: IkeConnectConfig;
  readonly #deps: SurveyDeps;
  readonly #timer: Timer;
  /** In the order in which the server took them. */
  readonly #found: string[] = [];
  readonly #asked = new Map<string, Question>();
  readonly #queue: ToAsk[];
  /** Exchange type of the configured mode. */
  readonly #mode: number;
  /** Main mode was in vain. */
  #otherMode = false;
  #sent = 0;
  #answers = 0;
  /** The server takes one of the configured proposals. */
  #phase1Fits = false;
  #connection: IkeConnection | null = null;
  readonly #pfs = [...PFS];
  #over = false;

  constructor(cfg: IkeConnectConfig, deps: SurveyDeps) {
    this.#cfg = cfg;
    this.#deps = deps;
    this.#timer = deps.scope.timer("ike survey", () => this.#step());
    this.#mode = cfg.aggressive ? EXCHANGE.aggressive : EXCHANGE.identity;
    this.#queue = this.#questions(this.#mode);
  }
  #questions(mode: number): ToAsk[] {
    const { ikeProposals: own } = this.#cfg;
    const one = mode === EXCHANGE.aggressive;
    const configured = own.filter((p) => !one || p.group === own[0]?.group);
    const others = (one ? AGGRESSIVE : GROUPS).map((g) =>
      CIPHERS.flatMap((c) => HASHES.map((h) => parseIkeProposal(`${c}-${h}-${g}`))).filter(
        (p) => !own.some((x) => x.text === p.text),
      ),
    );
    return [configured, ...others].map((all) => ({ mode, proposals: all.slice(0, TRANSFORMS), tries: 1 }));
  }
  begin(): void {
    this.#step();
  }
  close(): void {
    this.#over = true;
    this.#timer.disarm();
    this.#connection?.close("the survey is over");
    this.#connection = null;
  }
  /** Whether `m` answers one of the questions. Throws DecodeError. */
  hear(m: Message): boolean {
    const { header, body, path } = m;
    const q = this.#asked.get(hex(header.icookie));
    if (!q || path.remote.address !== this.#cfg.remote || header.flags & FLAG.encrypted) return false;
    if (q.answered) return true;
    if (header.exchange === EXCHANGE.informational) {
      if (clearNotifications(m).length > 0) this.#answered(q);
      return true;
    }
    if (header.exchange !== q.mode) return true;
    const t = readSa(one(readChain(header.next, body, false), PAYLOAD.sa, "sa"))[0]?.transforms[0];
    const chosen = t && q.proposals.find((p) => matchesIke(p, t, [this.#auth()]));
    if (!chosen) return true;
    this.#answered(q);
    if (this.#phase1Fits) return true;
    this.#phase1Fits = this.#cfg.ikeProposals.includes(chosen);
    if (!this.#phase1Fits || this.#otherMode) this.#found.push(chosen.text);
    const rest = q.proposals.filter((p) => p !== chosen);
    if (this.#phase1Fits || this.#otherMode || this.#found.length >= ENOUGH) this.#queue.length = 0;
    else if (rest.length > 0) this.#queue.push({ ...q, proposals: rest, tries: 2 });
    return true;
  }
  #answered(q: Question): void {
    q.answered = true;
    this.#answers++;
  }

  #step(): void {
    if (this.#over) return;
    if (this.#connection) {
      this.#connection.close("no answer to the survey");
      this.#connection = null;
      this.#next();
      return;
    }
    if (this.#phase1Fits && !this.#otherMode) {
      this.#next();
      return;
    }
    const next = this.#queue.shift();
    if (!next || this.#sent >= MOST) {
      if (this.#again() || this.#inOtherMode()) this.#timer.arm(PACE_MS);
      else this.#finish();
      return;
    }
    const icookie = this.#deps.crypto.random(8);
    this.#asked.set(hex(icookie), { ...next, icookie, answered: false });
    this.#sent++;
    this.#deps.send(this.#message(icookie, next));
    this.#timer.arm(this.#queue.length > 0 ? PACE_MS : PATIENCE_MS);
  }
  /** What got no answer, and perhaps got lost, is asked once more, where the server answers at all. */
  #again(): boolean {
    if (this.#answers === 0 || this.#otherMode || this.#found.length >= ENOUGH) return false;
    for (const q of this.#asked.values()) {
      if (q.answered || q.tries > 1) continue;
      q.answered = true;
      this.#queue.push({ ...q, tries: 2 });
    }
    return this.#queue.length > 0 && this.#sent < MOST;
  }
  #inOtherMode(): boolean {
    if (this.#otherMode || this.#found.length > 0 || this.#mode === EXCHANGE.aggressive || !this.#cfg.psk) return false;
    this.#otherMode = true;
    this.#queue.push(...this.#questions(EXCHANGE.aggressive));
    return this.#sent < MOST;
  }
  #auth(): number {
    return this.#cfg.psk ? AUTH.psk : AUTH.rsa;
  }
  #message(icookie: Uint8Array, { mode, proposals }: ToAsk): Uint8Array {
    const { crypto } = this.#deps;
    const transforms = proposals.map((p, i) => ikeTransform(p, i + 1, LIFE_SECONDS, this.#auth()));
    const sa = writeSa([{ number: 1, protocol: PROTOCOL.isakmp, spi: new Uint8Array(0), transforms }]);
    const rcookie = new Uint8Array(8);
    const header = { icookie, rcookie, next: PAYLOAD.sa, exchange: mode, flags: 0, messageId: 0 };
    const group = proposals[0]?.group;
    if (mode === EXCHANGE.identity || !group) return writeMessage(header, writeChain([payload(PAYLOAD.sa, sa)]));
    const id = { id: this.#cfg.localId ?? addressId(this.#cfg.local), protocol: 0, port: 0 };
    const more = [
      payload(PAYLOAD.ke, crypto.dh(group).publicValue),
      payload(PAYLOAD.nonce, crypto.random(NONCE_BYTES)),
      payload(PAYLOAD.id, writeId(id)),
    ];
    return writeMessage(header, writeChain([payload(PAYLOAD.sa, sa), ...more]));
  }

  /** Phase 1 fits: the next connection with all ESP proposals of one group. */
  #next(): void {
    const group = this.#pfs.shift();
    if (group === undefined || this.#sent >= MOST) {
      this.#finish();
      return;
    }
    this.#sent++;
    const espProposals = ESP.split(" ").map((p) => parseEspProposal(group === null ? p : `${p}-${group}`));
    const ended = (c: IkeConnection): void => {
      if (this.#over || this.#connection !== c) return;
      this.#connection = null;
      this.#timer.arm(PACE_MS);
    };
    const owner: IkeOwner = {
      onUp: (c, info) => {
        if (this.#over || this.#connection !== c) return;
        this.#found.push(info.espProposal);
        this.#connection = null;
        c.close("the survey knows enough");
        this.#finish();
      },
      onRekeyed: () => {},
      onDown: ended,
    };
    this.#connection = this.#deps.connect({ ...this.#cfg, espProposals }, owner);
    this.#timer.arm(CONNECTION_MS);
  }
  #finish(): void {
    if (this.#over) return;
    this.close();
    const option = this.#phase1Fits ? "esp_proposals" : "ike_proposals";
    const { remote, localId } = this.#cfg;
    if (!this.#otherMode || this.#found.length === 0)
      return this.#deps.done(findings(remote, option, this.#found, this.#answers > 0));
    const text =
      "the server answers aggressive mode only: weak, it shows a hash of the key; to accept that: ike_mode = aggressive";
    const more = this.#phase1Fits ? "" : ` and ike_proposals = ${this.#found[0]}`;
    const group = localId ? "" : ", and its group name as local_id = keyid:NAME";
    const advice: Advice = { option: "ike_mode", value: "aggressive", weak: true };
    this.#deps.done({ text: text + more + group, advice, proposals: this.#found });
  }
}

function findings(server: string, option: Advice["option"], found: readonly string[], answers: boolean): Findings {
  const what = option === "ike_proposals" ? "phase 1" : "ESP";
  const best = found.find((text) => !weak({ text })) ?? found[0];
  if (best === undefined) {
    const silent = answers ? `accepts nothing that we know for ${what}` : "answers no first message";
    return { text: `${server} ${silent}`, advice: null, proposals: [] };
  }
  const isWeak = weak({ text: best });
  const text = isWeak
    ? `the server takes only ${found.join(" ")}: weak, broken by well-funded attackers; to accept that: `
    : `the server takes ${found.join(" ")} for ${what}; to use that: `;
  const advice: Advice = { option, value: best, weak: isWeak };
  return { text: `${text}${option} = ${best}`, advice, proposals: found };
}

/** The surveys under way: as many as people ask for. */
export class Surveys {
  readonly #env: IkeEnv;
  readonly #all = new Set<Survey>();

  constructor(env: IkeEnv) {
    this.#env = env;
  }
  /** Returns what stops it; `done` comes later or never. */
  begin(cfg: IkeConnectConfig, connect: SurveyDeps["connect"], done: (f: Findings) => void): () => void {
    const { port, log, clock, crypto } = this.#env;
    const at = (address: string): Endpoint => ({ address, port: ISAKMP_PORT });
    const end = (): void => {
      s.close();
      this.#all.delete(s);
    };
    const scope = new Scope(clock, (e) => {
      log.emit(faultEvent(cfg.link, "a survey of a server", e));
      end();
    });
    const s: Survey = new Survey(cfg, {
      scope,
      crypto,
      connect,
      send: (message) => port.send(at(cfg.local), at(cfg.remote), message),
      done: (f) => {
        end();
        done(f);
      },
    });
    this.#all.add(s);
    s.begin();
    return end;
  }
  /** Whether `m` answers one of them. Throws DecodeError. */
  hear(m: Message): boolean {
    for (const s of this.#all) if (s.hear(m)) return true;
    return false;
  }
  close(): void {
    for (const s of this.#all) s.close();
    this.#all.clear();
  }
}
