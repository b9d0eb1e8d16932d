// CHAP (RFC 1994) with MD5, and as MS-CHAP v1 (RFC 2433) and v2 (RFC 2759), both sides.
import { get8, NO_BYTES, Reader, Writer } from "../../core/bytes.ts";
import type { Timer } from "../../core/clock.ts";
import { DecodeError, type Failure } from "../../core/errors.ts";
import type { Secret } from "../../core/secret.ts";
import { concat, fromUtf8, sameBytes, utf8 } from "../../core/text.ts";
import { printable, said } from "../../core/words.ts";
import type { Crypto } from "../../ports/ports.ts";
import type { MppeMaster } from "../compress/mppe.ts";
import { readPacket, writePacket } from "../cp.ts";
import { failure } from "../words.ts";
import { methodTitle } from "./methods.ts";
import {
  answerTo,
  challengeResponse,
  expiredMessage,
  mppeMasterV1,
  ntPasswordHash,
  provesItself,
  readRefusal,
  refusalInWords,
} from "./mschapv2.ts";
import { asksForChange, type Change, changeCode, changedBy, readChange } from "./new-password.ts";
import { chapMd5, type Verdict } from "./proof.ts";
import {
  type AuthenticateeDeps,
  type AuthenticateeEvents,
  type AuthenticatorEvents,
  type AuthenticatorNeeds,
  type AuthSide,
  type Begun,
  type Identity,
  MAX_TRIES,
  RETRY_MS,
} from "./side.ts";

const CHAP_CODE = { challenge: 1, response: 2, success: 3, failure: 4 } as const;
type ChapAlgorithm = "chap" | "mschap" | "mschapv2";
/** RFC 2759 §4 and §8.1 allow names of 256 bytes; nobody needs longer ones. */
const MAX_NAME = 256;
const CHALLENGE_SIZE = 16;
const MSCHAP_CHALLENGE = 8;
/** A person thinks of a new password meanwhile. */
const CHANGE_MS = 120_000;

/** Challenge and Response have one format (RFC 1994 §4.1). */
interface ChapValue {
  readonly value: Uint8Array;
  readonly name: Uint8Array;
}
/**
 * Views into `body`; the name is what is left. Throws DecodeError, also for an empty value or a name over 256 bytes.
 */
export function readChapValue(body: Uint8Array): ChapValue {
  const r = new Reader(body);
  const size = r.u8("value size");
  if (size === 0) throw new DecodeError("bad-value", "value size", 0);
  const value = r.bytes(size, "value");
  if (r.left > MAX_NAME) throw new DecodeError("bad-length", "name", r.at);
  return { value, name: r.rest() };
}
export function writeChapValue(v: ChapValue): Uint8Array {
  const w = new Writer();
  w.u8(v.value.length);
  w.bytes(v.value);
  w.bytes(v.name);
  return w.done().slice();
}

function nextId(id: number): number {
  return (id + 1) & 0xff;
}

export class ChapAuthenticatee implements AuthSide {
  readonly #crypto: Crypto;
  readonly #algorithm: ChapAlgorithm;
  readonly #user: string;
  readonly #password: Secret;
  /** Null: there is none, or the server has it. */
  #newPassword: Secret | null;
  #renewing = false;
  readonly #isOurs: (challenge: Uint8Array) => boolean;
  readonly #on: AuthenticateeEvents;
  readonly #timer: Timer;
  #state: "idle" | "expecting" | "answered" | "done" = "idle";
  #tries = 0;
  #challenge = NO_BYTES;
  #id = -1;
  /** Our Response, whole: a repeated Challenge gets the very same one, or MS-CHAPv2's proof would not fit. */
  #response = NO_BYTES;
  #proof = NO_BYTES;
  #master: MppeMaster | null = null;

  constructor(deps: AuthenticateeDeps, algorithm: ChapAlgorithm, identity: Identity, on: AuthenticateeEvents) {
    this.#crypto = deps.crypto;
    this.#algorithm = algorithm;
    this.#user = identity.user;
    this.#password = identity.password;
    this.#newPassword = identity.newPassword ?? null;
    this.#isOurs = deps.isOurs;
    this.#on = on;
    this.#timer = deps.clock.timer("chap-response", () => this.#timeout());
  }
  start(): void {
    this.#state = "expecting";
    this.#tries = 0;
    this.#timer.arm(RETRY_MS * MAX_TRIES);
  }
  stop(): void {
    this.#state = "idle";
    this.#timer.disarm();
  }
  #timeout(): void {
    if (this.#state === "answered" && this.#tries < MAX_TRIES) {
      this.#send();
      return;
    }
    const what = this.#state === "answered" ? `does not answer user "${this.#user}"` : "sends no challenge";
    this.stop();
    this.#on.failed(failure("auth-timeout", `the server ${what} (${methodTitle(this.#algorithm)})`));
  }

  input(packet: Uint8Array): void {
    const p = readPacket(packet);
    if (this.#state === "idle") {
      if (p.code !== CHAP_CODE.response) this.#on.ignored("stale-answer");
      return;
    }
    switch (p.code) {
      case CHAP_CODE.challenge:
        this.#challenged(p.id, readChapValue(p.body).value);
        return;
      case CHAP_CODE.success:
      case CHAP_CODE.failure: {
        // Nothing asked, or another Response than ours: no proof of anything (RFC 1994 §4.2).
        if (this.#state !== "answered" || p.id !== this.#id) {
          this.#on.ignored("stale-answer");
          return;
        }
        this.#timer.disarm();
        p.code === CHAP_CODE.success ? this.#success(p.body) : this.#failure(p.body);
        return;
      }
      default:
    }
  }
  #challenged(id: number, challenge: Uint8Array): void {
    if (id === this.#id && sameBytes(challenge, this.#challenge)) {
      this.#send();
      return;
    }
    if (this.#isOurs(challenge)) {
      this.stop();
      this.#on.failed(failure("auth-reflected", "the peer sends this daemon's own challenge back"));
      return;
    }
    if (this.#algorithm === "mschapv2" && challenge.length !== CHALLENGE_SIZE) {
      throw new DecodeError("bad-value", "MS-CHAPv2 challenge size", 4);
    }
    if (this.#algorithm === "mschap" && challenge.length !== MSCHAP_CHALLENGE)
      throw new DecodeError("bad-value", "MS-CHAP challenge size", 4);
    this.#challenge = challenge.slice();
    const value = this.#value(id);
    this.#say(CHAP_CODE.response, id, writeChapValue({ value, name: utf8(this.#user) }));
  }
  #say(code: number, id: number, body: Uint8Array): void {
    this.#id = id;
    this.#response = writePacket({ code, id, body });
    this.#tries = 0;
    this.#send();
  }
  #value(id: number): Uint8Array {
    switch (this.#algorithm) {
      case "chap":
        return this.#password.use((secret) => chapMd5(this.#crypto, id, secret, this.#challenge));
      default: {
        const hash = this.#password.use(ntPasswordHash);
        const value = this.#microsoft(this.#algorithm, hash);
        hash.fill(0);
        return value;
      }
    }
  }
  #microsoft(algorithm: "mschap" | "mschapv2", hash: Uint8Array): Uint8Array {
    if (algorithm === "mschapv2") {
      const { value, proof, master } = answerTo(this.#crypto, this.#challenge, this.#user, hash);
      this.#proof = proof;
      this.#master = master;
      return value;
    }
    // Never the LAN Manager response: it gives the password away (RFC 2433 §4).
    const response = challengeResponse(this.#crypto, this.#challenge, hash);
    this.#master = mppeMasterV1(this.#crypto, hash, this.#challenge);
    return concat([new Uint8Array(24), response, Uint8Array.of(1)]);
  }
  #send(): void {
    this.#state = "answered";
    this.#tries++;
    this.#on.send(this.#response);
    this.#timer.arm(RETRY_MS);
  }
  #success(message: Uint8Array): void {
    if (this.#algorithm === "mschapv2" && !provesItself(message, this.#proof)) {
      this.stop();
      const text = `the server accepts user "${this.#user}" but does not prove that it knows the password (MS-CHAPv2)`;
      this.#on.failed(failure("server-not-authentic", text));
      return;
    }
    this.#state = "done";
    if (this.#renewing) this.#on.renewed?.();
    this.#renewing = false;
    this.#on.done(this.#master);
  }
  /** False: there is no other password, or the server does not ask for one in a form that we have. */
  #renew(message: Uint8Array): boolean {
    const algorithm = this.#algorithm;
    const password = this.#newPassword;
    if (algorithm === "chap" || !password) return false;
    const asked = asksForChange(algorithm, message, this.#challenge);
    if (!asked || this.#isOurs(asked)) return false;
    this.#newPassword = null;
    this.#renewing = true;
    this.#challenge = asked;
    const body = changedBy(this.#crypto, algorithm, this.#password, password, (h) => this.#microsoft(algorithm, h));
    this.#say(changeCode(algorithm), nextId(this.#id), body);
    return true;
  }
  #failure(message: Uint8Array): void {
    if (this.#renew(message)) return;
    this.stop();
    if (this.#algorithm !== "chap") {
      this.#on.failed(refusalInWords(printable(this.#user), message, methodTitle(this.#algorithm)));
      return;
    }
    const text = `the server refuses user "${this.#user}" with CHAP-MD5${said(printable(message))}`;
    this.#on.failed(failure("auth-failed", text));
  }
}

export class ChapAuthenticator implements AuthSide {
  readonly #algorithm: ChapAlgorithm;
  readonly #needs: AuthenticatorNeeds;
  readonly #on: AuthenticatorEvents;
  /** While an answer is awaited. */
  #timer: Timer | null = null;
  #state: "idle" | "asked" | "checking" | "expired" | "over" = "idle";
  #id = 0;
  #tries = 0;
  /** Until it is answered. */
  #challenge = NO_BYTES;
  #reply = NO_BYTES;
  /** Whose password has expired; what is checked is a new one then. */
  #expired: { readonly user: string; readonly why: Failure } | null = null;

  constructor(needs: AuthenticatorNeeds, algorithm: ChapAlgorithm, on: AuthenticatorEvents) {
    this.#algorithm = algorithm;
    this.#needs = needs;
    this.#on = on;
  }
  start(): void {
    const { crypto, challenges } = this.#needs;
    challenges.settle(this.#challenge);
    this.#state = "asked";
    this.#tries = 0;
    this.#expired = null;
    this.#id = get8(crypto.random(1), 0);
    this.#challenge = crypto.random(this.#algorithm === "mschap" ? MSCHAP_CHALLENGE : CHALLENGE_SIZE);
    challenges.issue(this.#challenge);
    this.#send();
  }
  goOn(begun: Begun): void {
    if (begun.method === "pap") throw new RangeError("CHAP goes on with an answer to PAP");
    this.#id = begun.id;
    this.#challenge = begun.challenge;
    this.#expired = null;
    this.#answered(begun);
  }
  stop(): void {
    this.#state = "idle";
    this.#disarm();
    this.#needs.challenges.settle(this.#challenge);
  }
  #due(): void {
    if (!this.#expired) return this.#send();
    const { user, why } = this.#expired;
    this.stop();
    this.#on.failed(user, why);
  }
  #send(): void {
    if (this.#tries++ >= MAX_TRIES) {
      this.stop();
      this.#on.failed(
        "",
        failure("auth-timeout", `the peer does not answer the challenge (${methodTitle(this.#algorithm)})`),
      );
      return;
    }
    const name = utf8(this.#needs.hostName).slice(0, MAX_NAME);
    const body = writeChapValue({ value: this.#challenge, name });
    this.#on.send(writePacket({ code: CHAP_CODE.challenge, id: this.#id, body }));
    this.#arm(RETRY_MS);
  }
  #arm(ms: number): void {
    this.#timer ??= this.#needs.clock.timer("chap-challenge", () => this.#due());
    this.#timer.arm(ms);
  }
  #disarm(): void {
    this.#timer?.disarm();
    this.#timer = null;
  }

  input(packet: Uint8Array): void {
    const p = readPacket(packet);
    const changes = this.#algorithm !== "chap" && p.code === changeCode(this.#algorithm);
    if (!changes && p.code !== CHAP_CODE.response) return;
    const expected = changes && this.#state === "expired" ? nextId(this.#id) : this.#id;
    if (this.#state === "idle" || p.id !== expected || (changes && !this.#expired)) {
      this.#on.ignored("stale-answer");
      return;
    }
    if (this.#state === "checking") return;
    // RFC 1994 §4.2: our reply was lost; the same one again, nothing is checked twice.
    if (this.#state === "over" || (this.#state === "expired" && !changes)) {
      this.#on.send(this.#reply);
      return;
    }
    if (changes) this.#changed(p.id, p.body);
    else this.#answered(readChapValue(p.body));
  }
  #answered({ value, name }: ChapValue): void {
    this.#ask(this.#algorithm, fromUtf8(name), value.slice());
  }
  #changed(id: number, body: Uint8Array): void {
    if (!this.#expired || this.#algorithm === "chap") return;
    const { value, ...change } = readChange(this.#algorithm, body);
    this.#id = id;
    this.#ask(this.#algorithm, this.#expired.user, value, change);
  }
  #ask(method: ChapAlgorithm, user: string, value: Uint8Array, change?: Omit<Change, "value">): void {
    this.#state = "checking";
    this.#disarm();
    this.#needs.challenges.settle(this.#challenge);
    const proof = { method, user, id: this.#id, challenge: this.#challenge, value, ...(change ? { change } : {}) };
    this.#needs.check(proof, (v) => this.#judged(user, v));
  }
  /** E=648: the peer may change its password, once. */
  #expire(user: string, v: Extract<Verdict, { is: "refused" }>): void {
    this.#state = "expired";
    this.#expired = { user, why: v.why };
    if (this.#algorithm === "mschapv2") {
      const theirs = readRefusal(v.message).challenge;
      const { crypto, challenges } = this.#needs;
      this.#challenge = theirs?.length === CHALLENGE_SIZE ? theirs : crypto.random(CHALLENGE_SIZE);
      challenges.issue(this.#challenge);
    }
    const body = expiredMessage(this.#algorithm === "mschapv2" ? this.#challenge : null);
    this.#reply = writePacket({ code: CHAP_CODE.failure, id: this.#id, body });
    this.#on.send(this.#reply);
    this.#arm(CHANGE_MS);
    this.#on.expired(user, v.why, CHANGE_MS);
  }
  #judged(user: string, v: Verdict): void {
    if (v.is === "refused" && v.expired && !this.#expired) return this.#expire(user, v);
    this.#state = "over";
    this.#challenge = NO_BYTES;
    const code = v.is === "accepted" ? CHAP_CODE.success : CHAP_CODE.failure;
    this.#reply = writePacket({ code, id: this.#id, body: v.message });
    this.#on.send(this.#reply);
    if (v.is === "accepted") return this.#on.done(v.account, v.master);
    if (v.is !== "refused") return;
    if (v.wrong) this.#on.wrong(user);
    this.#on.failed(user, v.why);
  }
}
