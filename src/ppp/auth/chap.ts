// CHAP (RFC 1994) with MD5, and as MS-CHAP v1 (RFC 2433) and v2 (RFC 2759), both sides.
import { get8, Reader, Writer } from "../../core/bytes.ts";
import type { Challenges } from "../../core/challenges.ts";
import type { Timer } from "../../core/clock.ts";
import { DecodeError } from "../../core/errors.ts";
import type { Secret } from "../../core/secret.ts";
import { concat, fromUtf8, sameBytes, utf8 } from "../../core/text.ts";
import { printable, said } from "../../core/words.ts";
import type { Crypto } from "../../ports/ports.ts";
import type { MppeMaster } from "../compress/mppe.ts";
import { readPacket, writePacket } from "../cp.ts";
import { failure } from "../words.ts";
import { methodTitle } from "./methods.ts";
import {
  authenticatorResponse,
  challengeResponse,
  mppeMaster,
  mppeMasterV1,
  ntPasswordHash,
  ntResponse,
  provesItself,
  refusalInWords,
} from "./mschapv2.ts";
import { chapMd5, type Verdict } from "./proof.ts";
import {
  type AuthenticateeDeps,
  type AuthenticateeEvents,
  type AuthenticatorEvents,
  type AuthenticatorNeeds,
  type AuthSide,
  type Identity,
  MAX_TRIES,
  RETRY_MS,
} from "./side.ts";

const CHAP_CODE = { challenge: 1, response: 2, success: 3, failure: 4, changePassword: 7 } as const;
type ChapAlgorithm = "chap" | "mschap" | "mschapv2";
/** RFC 2759 §4 and §8.1 allow names of 256 bytes; nobody needs longer ones. */
const MAX_NAME = 256;
const CHALLENGE_SIZE = 16;
const MSCHAP_CHALLENGE = 8;

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

export class ChapAuthenticatee implements AuthSide {
  readonly #crypto: Crypto;
  readonly #algorithm: ChapAlgorithm;
  readonly #user: string;
  readonly #password: Secret;
  readonly #isOurs: (challenge: Uint8Array) => boolean;
  readonly #on: AuthenticateeEvents;
  readonly #timer: Timer;
  #state: "idle" | "expecting" | "answered" | "done" = "idle";
  #tries = 0;
  #challenge: Uint8Array = new Uint8Array(0);
  #id = -1;
  /** Our Response, whole: a repeated Challenge gets the very same one, or MS-CHAPv2's proof would not fit. */
  #response: Uint8Array = new Uint8Array(0);
  #proof: Uint8Array = new Uint8Array(0);
  #master: MppeMaster | null = null;

  constructor(deps: AuthenticateeDeps, algorithm: ChapAlgorithm, identity: Identity, on: AuthenticateeEvents) {
    this.#crypto = deps.crypto;
    this.#algorithm = algorithm;
    this.#user = identity.user;
    this.#password = identity.password;
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
    this.#id = id;
    this.#challenge = challenge.slice();
    const value = this.#value(id);
    this.#response = writePacket({
      code: CHAP_CODE.response,
      id,
      body: writeChapValue({ value, name: utf8(this.#user) }),
    });
    this.#tries = 0;
    this.#send();
  }
  #value(id: number): Uint8Array {
    switch (this.#algorithm) {
      case "chap":
        return this.#password.use((secret) => chapMd5(this.#crypto, id, secret, this.#challenge));
      case "mschap":
        return this.#mschap();
      case "mschapv2":
        return this.#mschapv2();
    }
  }
  /** Never the LAN Manager response: it gives the password away (RFC 2433 §4). */
  #mschap(): Uint8Array {
    const hash = this.#password.use(ntPasswordHash);
    const response = challengeResponse(this.#crypto, this.#challenge, hash);
    this.#master = mppeMasterV1(this.#crypto, hash, this.#challenge);
    hash.fill(0);
    return concat([new Uint8Array(24), response, Uint8Array.of(1)]);
  }
  #mschapv2(): Uint8Array {
    const c = this.#crypto;
    const peerChallenge = c.random(CHALLENGE_SIZE);
    const hash = this.#password.use(ntPasswordHash);
    const response = ntResponse(c, this.#challenge, peerChallenge, this.#user, hash);
    this.#proof = authenticatorResponse(c, this.#challenge, peerChallenge, this.#user, hash, response);
    this.#master = mppeMaster(c, hash, response);
    hash.fill(0);
    return concat([peerChallenge, new Uint8Array(8), response, new Uint8Array(1)]);
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
    this.#on.done(this.#master);
  }
  #failure(message: Uint8Array): void {
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
  readonly #crypto: Crypto;
  readonly #algorithm: ChapAlgorithm;
  readonly #hostName: Uint8Array;
  readonly #check: AuthenticatorNeeds["check"];
  readonly #challenges: Challenges;
  readonly #on: AuthenticatorEvents;
  readonly #timer: Timer;
  #state: "idle" | "asked" | "checking" | "over" = "idle";
  #id = 0;
  #tries = 0;
  #challenge: Uint8Array = new Uint8Array(0);
  #reply: Uint8Array = new Uint8Array(0);

  constructor(needs: AuthenticatorNeeds, algorithm: ChapAlgorithm, on: AuthenticatorEvents) {
    this.#crypto = needs.crypto;
    this.#algorithm = algorithm;
    this.#hostName = utf8(needs.hostName).slice(0, MAX_NAME);
    this.#check = needs.check;
    this.#challenges = needs.challenges;
    this.#on = on;
    this.#timer = needs.clock.timer("chap-challenge", () => this.#send());
  }
  start(): void {
    this.#challenges.settle(this.#challenge);
    this.#state = "asked";
    this.#tries = 0;
    this.#id = get8(this.#crypto.random(1), 0);
    this.#challenge = this.#crypto.random(this.#algorithm === "mschap" ? MSCHAP_CHALLENGE : CHALLENGE_SIZE);
    this.#challenges.issue(this.#challenge);
    this.#send();
  }
  stop(): void {
    this.#state = "idle";
    this.#timer.disarm();
    this.#challenges.settle(this.#challenge);
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
    const body = writeChapValue({ value: this.#challenge, name: this.#hostName });
    this.#on.send(writePacket({ code: CHAP_CODE.challenge, id: this.#id, body }));
    this.#timer.arm(RETRY_MS);
  }

  input(packet: Uint8Array): void {
    const p = readPacket(packet);
    if (p.code !== CHAP_CODE.response) return; // Change-Password only answers E=648, which we never send
    const { value, name } = readChapValue(p.body);
    if (this.#state === "idle" || p.id !== this.#id) {
      this.#on.ignored("stale-answer");
      return;
    }
    if (this.#state === "checking") return;
    // RFC 1994 §4.2: our reply was lost; the same one again, nothing is checked twice.
    if (this.#state === "over") {
      this.#on.send(this.#reply);
      return;
    }
    this.#state = "checking";
    this.#timer.disarm();
    this.#challenges.settle(this.#challenge);
    const user = fromUtf8(name);
    this.#check({ method: this.#algorithm, user, id: p.id, challenge: this.#challenge, value: value.slice() }, (v) =>
      this.#judged(user, v),
    );
  }
  #judged(user: string, v: Verdict): void {
    this.#state = "over";
    const code = v.is === "accepted" ? CHAP_CODE.success : CHAP_CODE.failure;
    this.#reply = writePacket({ code, id: this.#id, body: v.message });
    this.#on.send(this.#reply);
    if (v.is === "accepted") return this.#on.done(v.account, v.master);
    if (v.is !== "refused") return;
    if (v.wrong) this.#on.wrong(user);
    this.#on.failed(user, v.why);
  }
}
