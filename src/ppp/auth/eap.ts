// EAP (RFC 3748) inside PPP, both sides: Identity, Notification, Nak, MD5-Challenge, and MS-CHAPv2 as type 26
// (draft-kamath-pppext-eap-mschapv2). EAP-TLS is eap-tls.ts, as
// authenticatee only. Left out: other types (a Nak names what we do).
import { Reader, Writer } from "../../core/bytes.ts";
import type { Challenges } from "../../core/challenges.ts";
import type { Clock, Timer } from "../../core/clock.ts";
import { DecodeError } from "../../core/errors.ts";
import { Secret } from "../../core/secret.ts";
import { concat, fromUtf8, sameBytes, utf8 } from "../../core/text.ts";
import { printable } from "../../core/words.ts";
import type { Crypto } from "../../ports/ports.ts";
import type { MppeMaster } from "../compress/mppe.ts";
import { readPacket, writePacket } from "../cp.ts";
import { failure } from "../words.ts";
import { chapMd5, readChapValue, writeChapValue } from "./chap.ts";
import type { EapTls } from "./eap-tls.ts";
import {
  accountName,
  authenticatorResponse,
  failureMessage,
  mppeMaster,
  ntPasswordHash,
  ntResponse,
  provesItself,
  refusalInWords,
  successMessage,
} from "./mschapv2.ts";
import {
  type AuthenticateeEvents,
  type AuthenticatorEvents,
  type AuthenticatorNeeds,
  type AuthSide,
  MAX_TRIES,
  RETRY_MS,
} from "./side.ts";

export const EAP_CODE = { request: 1, response: 2, success: 3, failure: 4 } as const;
export const EAP_TYPE = { identity: 1, notification: 2, nak: 3, md5: 4, tls: 13, mschapv2: 26 } as const;
export type EapMethod = "mschapv2" | "md5";
const TYPE_OF: Readonly<Record<EapMethod, number>> = { mschapv2: EAP_TYPE.mschapv2, md5: EAP_TYPE.md5 };
const OP = { challenge: 1, response: 2, success: 3, failure: 4 } as const;
const CHALLENGE_SIZE = 16;
const MSCHAPV2_SIZE = 49;
/** Requests of one session; a peer that asks for ever is no authenticator. */
const MAX_REQUESTS = 40;
/** A chain of certificates in small fragments. */
const MAX_TLS_REQUESTS = 400;
const MAX_NAME = 256;

export interface Mschapv2Packet {
  readonly op: number;
  readonly id: number;
  readonly data: Uint8Array;
}
/** The data of type 26. Success and Failure as responses are one octet alone. Throws DecodeError. */
export function readMschapv2(data: Uint8Array): Mschapv2Packet {
  const r = new Reader(data);
  const op = r.u8("opcode");
  if (r.left === 0) return { op, id: 0, data: r.rest() };
  const id = r.u8("MS-CHAPv2 identifier");
  const length = r.u16("MS-length");
  if (length < 4) throw new DecodeError("bad-length", "MS-length", 2);
  return { op, id, data: r.bytes(length - 4, "MS-CHAPv2 data") };
}
export function writeMschapv2(p: Mschapv2Packet): Uint8Array {
  const w = new Writer();
  w.u8(p.op);
  w.u8(p.id);
  w.u16(4 + p.data.length);
  w.bytes(p.data);
  return w.done().slice();
}
const typed = (type: number, data: Uint8Array): Uint8Array => concat([Uint8Array.of(type), data]);

export class EapAuthenticatee implements AuthSide {
  readonly #crypto: Crypto;
  readonly #user: string;
  readonly #password: Secret;
  readonly #methods: readonly EapMethod[];
  readonly #tls: EapTls | null;
  readonly #isOurs: (challenge: Uint8Array) => boolean;
  readonly #on: AuthenticateeEvents;
  readonly #timer: Timer;
  /** proved: everything shown, and of MS-CHAPv2 the server too. */
  #state: "idle" | "expecting" | "answered" | "proved" | "done" = "idle";
  #requests = 0;
  #repeats = 0;
  #last: Uint8Array = new Uint8Array(0);
  #response: Uint8Array = new Uint8Array(0);
  #proof: Uint8Array | null = null;
  #master: MppeMaster | null = null;
  #refused: ReturnType<typeof refusalInWords> | null = null;

  /**
   * `methods`: what we answer to, best first; with `tls` to that alone. `isOurs` recognises challenges that this
   * process sent.
   */
  constructor(
    clock: Clock,
    crypto: Crypto,
    identity: { readonly user: string; readonly password: Secret },
    methods: readonly EapMethod[],
    isOurs: (challenge: Uint8Array) => boolean,
    on: AuthenticateeEvents,
    tls: EapTls | null = null,
  ) {
    this.#crypto = crypto;
    this.#user = identity.user;
    this.#password = identity.password;
    this.#methods = tls ? [] : methods;
    this.#tls = tls;
    this.#isOurs = isOurs;
    this.#on = on;
    this.#timer = clock.timer("eap-response", () => this.#timeout());
  }
  start(): void {
    this.#state = "expecting";
    this.#requests = 0;
    this.#timer.arm(RETRY_MS * MAX_TRIES);
  }
  stop(): void {
    this.#state = "idle";
    this.#timer.disarm();
    this.#tls?.stop();
  }
  #timeout(): void {
    // A lost Success or Failure never comes again by itself: our last Response makes the server repeat it.
    if ((this.#state === "proved" || this.#refused) && ++this.#repeats < MAX_TRIES) {
      this.#on.send(this.#response);
      this.#timer.arm(RETRY_MS);
      return;
    }
    const asked = this.#requests > 0;
    const refused = this.#refused;
    this.stop();
    if (refused) return this.#on.failed(refused);
    this.#on.failed(
      failure(
        "auth-timeout",
        asked
          ? `the server does not come to an end with user "${this.#user}" (EAP)`
          : "the server does not ask who this side is (EAP)",
      ),
    );
  }

  input(packet: Uint8Array): void {
    const p = readPacket(packet);
    if (p.code === EAP_CODE.response) return; // for the other side
    if (this.#state === "idle") {
      this.#on.odd("stale-answer");
      return;
    }
    switch (p.code) {
      case EAP_CODE.request:
        this.#request(p.id, p.body, packet.slice(0, 4 + p.body.length));
        return;
      case EAP_CODE.success:
        this.#success();
        return;
      case EAP_CODE.failure: {
        if (this.#state === "done") return this.#on.odd("stale-answer");
        const why = this.#refused ?? failure("auth-failed", `the server refuses user "${this.#user}" (EAP)`);
        this.stop();
        this.#on.failed(why);
        return;
      }
      default:
    }
  }
  #success(): void {
    // RFC 3748 §4.2: a Success before the method came to its end is no proof of anything.
    if (this.#tls?.unconfirmed) {
      // RFC 9190 §2.5; pppd 2.4.9 to 2.5.3 is such a server
      this.stop();
      return this.#on.failed(
        failure(
          "server-not-authentic",
          "the server ends TLS 1.3 without the word that RFC 9190 asks for: limit it to TLS 1.2, or renew it (EAP-TLS)",
        ),
      );
    }
    if (this.#state !== "proved") {
      this.#on.odd("stale-answer");
      return;
    }
    this.#state = "done";
    this.#timer.disarm();
    const msk = this.#tls?.keyMaterial();
    this.#on.done(msk ? { version: "eap", key: new Secret(msk.use((k) => k.slice())) } : this.#master);
  }

  #request(id: number, body: Uint8Array, whole: Uint8Array): void {
    if (sameBytes(whole, this.#last)) {
      // RFC 3748 §4.1: our Response was lost
      this.#on.send(this.#response);
      return;
    }
    const r = new Reader(body);
    const type = r.u8("type");
    const data = r.rest();
    if (++this.#requests > (this.#tls ? MAX_TLS_REQUESTS : MAX_REQUESTS)) {
      this.stop();
      this.#on.failed(failure("auth-timeout", `the server does not come to an end with user "${this.#user}" (EAP)`));
      return;
    }
    const answer = this.#answer(id, type, data);
    if (answer === null) return;
    this.#last = whole;
    this.#response = writePacket({ code: EAP_CODE.response, id, body: answer });
    if (this.#state === "expecting") this.#state = "answered";
    this.#repeats = 0;
    if (this.#state !== "done")
      this.#timer.arm(this.#state === "proved" || this.#refused ? RETRY_MS : RETRY_MS * MAX_TRIES);
    this.#on.send(this.#response);
  }
  /** Null: nothing is to be said, or the exchange is over. */
  #answer(id: number, type: number, data: Uint8Array): Uint8Array | null {
    switch (type) {
      case EAP_TYPE.identity:
        return typed(EAP_TYPE.identity, utf8(this.#user));
      case EAP_TYPE.notification:
        return Uint8Array.of(EAP_TYPE.notification);
      case EAP_TYPE.md5:
        if (!this.#methods.includes("md5")) break;
        return this.#md5(id, data);
      case EAP_TYPE.mschapv2:
        if (!this.#methods.includes("mschapv2")) break;
        return this.#mschapv2(data);
      case EAP_TYPE.tls:
        if (!this.#tls) break;
        return this.#eapTls(this.#tls, data);
      default:
    }
    // RFC 3748 §5.3.1: what we would rather do; 0: nothing.
    if (this.#tls) return Uint8Array.of(EAP_TYPE.nak, EAP_TYPE.tls);
    return typed(
      EAP_TYPE.nak,
      Uint8Array.from(this.#methods.length === 0 ? [0] : this.#methods.map((m) => TYPE_OF[m])),
    );
  }
  #eapTls(tls: EapTls, data: Uint8Array): Uint8Array | null {
    const step = tls.input(data);
    if ("failed" in step) {
      this.stop();
      this.#on.failed(step.failed);
      return null;
    }
    this.#refused = tls.refused;
    this.#state = step.proved ? "proved" : "answered";
    return typed(EAP_TYPE.tls, step.answer);
  }
  #reflected(challenge: Uint8Array): boolean {
    if (!this.#isOurs(challenge)) return false;
    this.stop();
    this.#on.failed(failure("auth-reflected", "the peer asks with this process's own challenge"));
    return true;
  }
  #md5(id: number, data: Uint8Array): Uint8Array | null {
    this.#master = null;
    const { value } = readChapValue(data);
    if (this.#reflected(value)) return null;
    const hash = this.#password.use((s) => chapMd5(this.#crypto, id, s, value));
    this.#state = "proved";
    return typed(EAP_TYPE.md5, writeChapValue({ value: hash, name: utf8(this.#user) }));
  }
  #mschapv2(data: Uint8Array): Uint8Array | null {
    const p = readMschapv2(data);
    switch (p.op) {
      case OP.challenge: {
        const { value } = readChapValue(p.data);
        if (value.length !== CHALLENGE_SIZE) throw new DecodeError("bad-value", "MS-CHAPv2 challenge size", 0);
        if (this.#reflected(value)) return null;
        return typed(
          EAP_TYPE.mschapv2,
          writeMschapv2({ op: OP.response, id: p.id, data: this.#mschapv2Response(value) }),
        );
      }
      case OP.success:
        if (this.#proof === null || !provesItself(p.data, this.#proof)) {
          this.stop();
          const text = `the server accepts user "${this.#user}" but does not prove that it knows the password (EAP-MSCHAPv2)`;
          this.#on.failed(failure("server-not-authentic", text));
          return null;
        }
        this.#state = "proved";
        return Uint8Array.of(EAP_TYPE.mschapv2, OP.success);
      case OP.failure:
        this.#refused = refusalInWords(printable(this.#user), p.data, "EAP-MSCHAPv2");
        return Uint8Array.of(EAP_TYPE.mschapv2, OP.failure);
      default:
        throw new DecodeError("bad-value", "MS-CHAPv2 opcode", 0);
    }
  }
  #mschapv2Response(challenge: Uint8Array): Uint8Array {
    const c = this.#crypto;
    const peerChallenge = c.random(CHALLENGE_SIZE);
    const hash = this.#password.use(ntPasswordHash);
    const response = ntResponse(c, challenge, peerChallenge, this.#user, hash);
    this.#proof = authenticatorResponse(c, challenge, peerChallenge, this.#user, hash, response);
    this.#master = mppeMaster(c, hash, response);
    hash.fill(0);
    return writeChapValue({
      value: concat([peerChallenge, new Uint8Array(8), response, new Uint8Array(1)]),
      name: utf8(this.#user),
    });
  }
}

type Stage =
  | { readonly is: "idle" | "identity" | "over" }
  | { readonly is: "challenge"; readonly method: EapMethod }
  /** MS-CHAPv2's verdict is out, its acknowledgement is missing. */
  | { readonly is: "verdict"; readonly ok: boolean };

export class EapAuthenticator implements AuthSide {
  readonly #crypto: Crypto;
  readonly #hostName: Uint8Array;
  readonly #secretOf: (user: string) => Secret | null;
  readonly #challenges: Challenges;
  readonly #on: AuthenticatorEvents;
  readonly #timer: Timer;
  #stage: Stage = { is: "idle" };
  readonly #methods: readonly EapMethod[];
  #untried: EapMethod[] = [];
  #id = 0;
  #tries = 0;
  #request: Uint8Array = new Uint8Array(0);
  #challenge: Uint8Array = new Uint8Array(0);
  #verdict: Uint8Array = new Uint8Array(0);
  #user = "";
  /** The name under which the secret was found. */
  #account = "";
  #master: MppeMaster | null = null;

  /** `methods`: what is asked for, best first; at least one. */
  constructor(
    clock: Clock,
    crypto: Crypto,
    methods: readonly EapMethod[],
    needs: AuthenticatorNeeds,
    on: AuthenticatorEvents,
  ) {
    this.#crypto = crypto;
    this.#hostName = utf8(needs.hostName).slice(0, MAX_NAME);
    this.#methods = methods;
    this.#secretOf = needs.secretOf;
    this.#challenges = needs.challenges;
    this.#on = on;
    this.#timer = clock.timer("eap-request", () => this.#send());
  }
  start(): void {
    this.#untried = [...this.#methods];
    this.#id = this.#crypto.random(1)[0] as number;
    this.#stage = { is: "identity" };
    this.#ask(Uint8Array.of(EAP_TYPE.identity));
  }
  stop(): void {
    this.#stage = { is: "idle" };
    this.#timer.disarm();
    this.#challenges.settle(this.#challenge);
  }
  #ask(body: Uint8Array): void {
    this.#id = (this.#id + 1) & 0xff;
    this.#request = writePacket({ code: EAP_CODE.request, id: this.#id, body });
    this.#tries = 0;
    this.#send();
  }
  #send(): void {
    if (this.#tries++ >= MAX_TRIES) {
      const user = this.#user;
      this.stop();
      this.#on.failed(user, failure("auth-timeout", "the peer does not answer (EAP)"));
      return;
    }
    this.#timer.arm(RETRY_MS);
    this.#on.send(this.#request);
  }

  input(packet: Uint8Array): void {
    const p = readPacket(packet);
    if (p.code !== EAP_CODE.response) return;
    if (this.#stage.is === "idle" || p.id !== this.#id) {
      this.#on.odd("stale-answer");
      return;
    }
    const r = new Reader(p.body);
    const type = r.u8("type");
    const data = r.rest();
    switch (this.#stage.is) {
      case "over": // our verdict was lost; RFC 3748 §4.2 has no repetition of its own
        this.#on.send(this.#verdict);
        return;
      case "identity":
        if (type !== EAP_TYPE.identity) return this.#on.odd("stale-answer");
        if (data.length > MAX_NAME) throw new DecodeError("bad-length", "identity", 1);
        this.#user = fromUtf8(data);
        this.#account = this.#user;
        this.#nextMethod([]);
        return;
      case "challenge":
        if (type === EAP_TYPE.nak) return this.#nextMethod([...data]);
        if (type !== TYPE_OF[this.#stage.method]) return this.#on.odd("stale-answer");
        if (this.#stage.method === "md5") this.#checkMd5(data);
        else this.#checkMschapv2(data);
        return;
      case "verdict":
        if (type !== EAP_TYPE.mschapv2) return this.#on.odd("stale-answer");
        this.#conclude(this.#stage.ok, "EAP-MSCHAPv2");
    }
  }
  /** `wanted`: types that the peer names instead. */
  #nextMethod(wanted: readonly number[]): void {
    const at = Math.max(
      0,
      this.#untried.findIndex((m) => wanted.includes(TYPE_OF[m])),
    );
    const named = wanted.length === 0 || this.#untried.some((m) => wanted.includes(TYPE_OF[m]));
    const method = named ? this.#untried.splice(at, 1)[0] : undefined;
    if (method === undefined) {
      this.#finish(
        false,
        failure(
          "no-common-auth",
          `user "${printable(this.#user)}" has no EAP method in common with this side (${this.#methods.map((m) => (m === "md5" ? "MD5" : "MS-CHAPv2")).join(", ")})`,
        ),
      );
      return;
    }
    this.#challenges.settle(this.#challenge);
    this.#challenge = this.#crypto.random(CHALLENGE_SIZE);
    this.#challenges.issue(this.#challenge);
    this.#stage = { is: "challenge", method };
    const value = writeChapValue({ value: this.#challenge, name: this.#hostName });
    if (method === "md5") this.#ask(typed(EAP_TYPE.md5, value));
    else
      this.#ask(typed(EAP_TYPE.mschapv2, writeMschapv2({ op: OP.challenge, id: (this.#id + 1) & 0xff, data: value })));
  }
  /** An unknown user costs the same work as a known one. */
  #checkMd5(data: Uint8Array): void {
    const { value } = readChapValue(data);
    this.#master = null;
    const secret = this.#lookup();
    const dummy = this.#crypto.random(16);
    const compute = (s: Uint8Array): Uint8Array => chapMd5(this.#crypto, this.#id, s, this.#challenge);
    const wanted = secret ? secret.use(compute) : compute(dummy);
    this.#conclude(this.#judged(sameBytes(value, wanted) && secret !== null), "EAP-MD5");
  }
  #checkMschapv2(data: Uint8Array): void {
    const p = readMschapv2(data);
    if (p.op !== OP.response) return this.#on.odd("stale-answer");
    const { value, name } = readChapValue(p.data);
    const fits = value.length === MSCHAPV2_SIZE;
    const v = fits ? value : new Uint8Array(MSCHAPV2_SIZE);
    const peerChallenge = v.subarray(0, 16);
    const secret = this.#lookup();
    const hash = secret ? secret.use(ntPasswordHash) : ntPasswordHash(this.#crypto.random(8));
    const user = fromUtf8(name);
    const wanted = ntResponse(this.#crypto, this.#challenge, peerChallenge, user, hash);
    const proof = authenticatorResponse(this.#crypto, this.#challenge, peerChallenge, user, hash, wanted);
    this.#master = mppeMaster(this.#crypto, hash, wanted);
    hash.fill(0);
    // The hashed name must be the one that identified itself, whatever its domain.
    const sameUser = accountName(user) === accountName(this.#user);
    const ok = this.#judged(sameBytes(v.subarray(24, 48), wanted) && fits && sameUser && secret !== null);
    this.#stage = { is: "verdict", ok };
    const message = ok ? successMessage(proof) : failureMessage(this.#crypto.random(CHALLENGE_SIZE));
    this.#ask(typed(EAP_TYPE.mschapv2, writeMschapv2({ op: ok ? OP.success : OP.failure, id: p.id, data: message })));
  }
  #lookup(): Secret | null {
    const whole = this.#secretOf(this.#user);
    if (whole) return whole;
    this.#account = accountName(this.#user);
    return this.#account === this.#user ? null : this.#secretOf(this.#account);
  }
  /** The one attempt of an exchange: told at once, as a peer need not wait for the verdict. */
  #judged(ok: boolean): boolean {
    this.#challenges.settle(this.#challenge);
    if (!ok) this.#on.wrong(this.#user);
    return ok;
  }
  #conclude(ok: boolean, title: string): void {
    const text = `user "${printable(this.#user)}" is unknown or gave a wrong password (${title})`;
    this.#finish(ok, failure("auth-failed", text));
  }
  #finish(ok: boolean, why: ReturnType<typeof failure>): void {
    this.#stage = { is: "over" };
    this.#timer.disarm();
    this.#verdict = writePacket({
      code: ok ? EAP_CODE.success : EAP_CODE.failure,
      id: this.#id,
      body: new Uint8Array(0),
    });
    this.#on.send(this.#verdict);
    if (ok) this.#on.done(this.#account, this.#master);
    else this.#on.failed(this.#user, why);
  }
}
