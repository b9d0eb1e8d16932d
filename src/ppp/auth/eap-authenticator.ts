// The authenticator of EAP (RFC 3748): Identity, Nak, MD5-Challenge and MS-CHAPv2. Left out: EAP-TLS, and other types.
import { get8, Reader } from "../../core/bytes.ts";
import type { Challenges } from "../../core/challenges.ts";
import type { Timer } from "../../core/clock.ts";
import { DecodeError } from "../../core/errors.ts";
import type { Secret } from "../../core/secret.ts";
import { fromUtf8, sameBytes, utf8 } from "../../core/text.ts";
import { printable } from "../../core/words.ts";
import type { Crypto } from "../../ports/ports.ts";
import type { MppeMaster } from "../compress/mppe.ts";
import { readPacket, writePacket } from "../cp.ts";
import { failure } from "../words.ts";
import { chapMd5, readChapValue, writeChapValue } from "./chap.ts";
import {
  CHALLENGE_SIZE,
  EAP_CODE,
  EAP_TYPE,
  type EapMethod,
  OP,
  readMschapv2,
  TYPE_OF,
  typed,
  writeMschapv2,
} from "./eap.ts";
import {
  accountName,
  authenticatorResponse,
  failureMessage,
  mppeMaster,
  ntPasswordHash,
  ntResponse,
  successMessage,
} from "./mschapv2.ts";
import { type AuthenticatorEvents, type AuthenticatorNeeds, type AuthSide, MAX_TRIES, RETRY_MS } from "./side.ts";

const MSCHAPV2_SIZE = 49;
const MAX_NAME = 256;

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
  constructor(needs: AuthenticatorNeeds, methods: readonly EapMethod[], on: AuthenticatorEvents) {
    this.#crypto = needs.crypto;
    this.#hostName = utf8(needs.hostName).slice(0, MAX_NAME);
    this.#methods = methods;
    this.#secretOf = needs.secretOf;
    this.#challenges = needs.challenges;
    this.#on = on;
    this.#timer = needs.clock.timer("eap-request", () => this.#send());
  }
  start(): void {
    this.#untried = [...this.#methods];
    this.#id = get8(this.#crypto.random(1), 0);
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
      this.#on.ignored("stale-answer");
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
        if (type !== EAP_TYPE.identity) return this.#on.ignored("stale-answer");
        if (data.length > MAX_NAME) throw new DecodeError("bad-length", "identity", 1);
        this.#user = fromUtf8(data);
        this.#account = this.#user;
        this.#nextMethod([]);
        return;
      case "challenge":
        if (type === EAP_TYPE.nak) return this.#nextMethod([...data]);
        if (type !== TYPE_OF[this.#stage.method]) return this.#on.ignored("stale-answer");
        if (this.#stage.method === "md5") this.#checkMd5(data);
        else this.#checkMschapv2(data);
        return;
      case "verdict":
        if (type !== EAP_TYPE.mschapv2) return this.#on.ignored("stale-answer");
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
          `user "${printable(this.#user)}" has no EAP method in common with this side ` +
            `(${this.#methods.map((m) => (m === "md5" ? "MD5" : "MS-CHAPv2")).join(", ")})`,
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
    if (p.op !== OP.response) return this.#on.ignored("stale-answer");
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
