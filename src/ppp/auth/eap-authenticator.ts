// The authenticator of EAP (RFC 3748): Identity, Nak, MD5-Challenge and MS-CHAPv2; or what carries any type to somebody
// else who speaks it (RFC 3579). Left out: EAP-TLS, and other types, of our own.
import { get8, NO_BYTES, Reader } from "../../core/bytes.ts";
import type { Challenges } from "../../core/challenges.ts";
import type { Timer } from "../../core/clock.ts";
import { DecodeError } from "../../core/errors.ts";
import { fromUtf8, utf8 } from "../../core/text.ts";
import { printable } from "../../core/words.ts";
import type { Crypto } from "../../ports/ports.ts";
import { readPacket, writePacket } from "../cp.ts";
import { failure } from "../words.ts";
import { readChapValue, writeChapValue } from "./chap.ts";
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
import type { Verdict } from "./proof.ts";
import { type AuthenticatorEvents, type AuthenticatorNeeds, type AuthSide, MAX_TRIES, RETRY_MS } from "./side.ts";

const MAX_NAME = 256;

type Stage =
  /** relay: somebody else's Request is with the peer; asking: the peer's Response is with him. */
  | { readonly is: "idle" | "identity" | "relay" | "asking" | "over" }
  | { readonly is: "challenge"; readonly method: EapMethod }
  /** MS-CHAPv2's verdict is out, its acknowledgement is missing. */
  | { readonly is: "verdict" };

export class EapAuthenticator implements AuthSide {
  readonly #crypto: Crypto;
  readonly #hostName: Uint8Array;
  readonly #needs: AuthenticatorNeeds;
  readonly #challenges: Challenges;
  readonly #on: AuthenticatorEvents;
  readonly #timer: Timer;
  #stage: Stage = { is: "idle" };
  readonly #methods: readonly EapMethod[];
  #untried: EapMethod[] = [];
  #id = 0;
  #tries = 0;
  #request = NO_BYTES;
  #challenge = NO_BYTES;
  #verdict = NO_BYTES;
  #user = "";
  #judgement: Verdict | null = null;

  /** `methods`: what is asked for, best first; at least one. */
  constructor(needs: AuthenticatorNeeds, methods: readonly EapMethod[], on: AuthenticatorEvents) {
    this.#crypto = needs.crypto;
    this.#hostName = utf8(needs.hostName).slice(0, MAX_NAME);
    this.#methods = methods;
    this.#needs = needs;
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
        if (!this.#relay(packet)) this.#nextMethod([]);
        return;
      case "relay":
        if (!this.#relay(packet)) this.#told(null);
        return;
      case "asking":
        return;
      case "challenge":
        if (type === EAP_TYPE.nak) return this.#nextMethod([...data]);
        if (type !== TYPE_OF[this.#stage.method]) return this.#on.ignored("stale-answer");
        if (this.#stage.method === "md5") this.#checkMd5(data);
        else this.#checkMschapv2(data);
        return;
      case "verdict":
        if (type !== EAP_TYPE.mschapv2 || !this.#judgement) return this.#on.ignored("stale-answer");
        this.#end(this.#judgement, this.#verdictOf(this.#judgement.is === "accepted"));
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
      const text =
        `user "${printable(this.#user)}" has no EAP method in common with this side ` +
        `(${this.#methods.map((m) => (m === "md5" ? "MD5" : "MS-CHAPv2")).join(", ")})`;
      const why = failure("no-common-auth", text);
      this.#end({ is: "refused", message: NO_BYTES, why, wrong: false }, this.#verdictOf(false));
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
  /** False: nobody else speaks EAP with this peer. */
  #relay(packet: Uint8Array): boolean {
    this.#stage = { is: "asking" };
    this.#timer.disarm();
    return this.#needs.relay({ method: "eap", user: this.#user, packet: packet.slice() }, (v) => this.#told(v));
  }
  #told(v: Verdict | null): void {
    if (!v) return this.#nextMethod([]);
    if (v.is === "more") {
      this.#stage = { is: "relay" };
      this.#id = get8(v.message, 1);
      this.#request = v.message;
      this.#tries = 0;
      return this.#send();
    }
    if (v.is === "refused" && v.wrong) this.#on.wrong(this.#user);
    this.#end(v, v.message.length > 0 ? v.message : this.#verdictOf(v.is === "accepted"));
  }
  #checkMd5(data: Uint8Array): void {
    const { value } = readChapValue(data);
    this.#check({ method: "chap", user: this.#user, id: this.#id, challenge: this.#challenge, value }, (v) =>
      this.#end(named(v, "EAP-MD5", this.#user), this.#verdictOf(v.is === "accepted")),
    );
  }
  #checkMschapv2(data: Uint8Array): void {
    const p = readMschapv2(data);
    if (p.op !== OP.response) return this.#on.ignored("stale-answer");
    const { value, name } = readChapValue(p.data);
    const about = { method: "mschapv2", user: this.#user, name: fromUtf8(name), id: p.id, value } as const;
    this.#check({ ...about, challenge: this.#challenge }, (v) => {
      const ok = v.is === "accepted";
      this.#judgement = named(v, "EAP-MSCHAPv2", this.#user);
      this.#stage = { is: "verdict" };
      this.#ask(
        typed(EAP_TYPE.mschapv2, writeMschapv2({ op: ok ? OP.success : OP.failure, id: p.id, data: v.message })),
      );
    });
  }
  /** The one attempt of an exchange: told at once, as a peer need not wait for the verdict. */
  #check(proof: Parameters<AuthenticatorNeeds["check"]>[0], answer: (v: Verdict) => void): void {
    this.#needs.check(proof, (v) => {
      this.#challenges.settle(this.#challenge);
      if (v.is === "refused") this.#on.wrong(this.#user);
      answer(v);
    });
  }
  #verdictOf(ok: boolean): Uint8Array {
    return writePacket({ code: ok ? EAP_CODE.success : EAP_CODE.failure, id: this.#id, body: NO_BYTES });
  }
  #end(v: Verdict, verdict: Uint8Array): void {
    this.#stage = { is: "over" };
    this.#timer.disarm();
    this.#verdict = verdict;
    this.#on.send(verdict);
    if (v.is === "accepted") this.#on.done(v.account, v.master);
    else if (v.is === "refused") this.#on.failed(this.#user, v.why);
  }
}
/** The password was shown inside EAP. */
function named(v: Verdict, title: string, user: string): Verdict {
  const text = `user "${printable(user)}" is unknown or gave a wrong password (${title})`;
  return v.is === "refused" ? { ...v, why: failure("auth-failed", text) } : v;
}
