// The authenticatee of EAP (RFC 3748): Identity, Notification, Nak, MD5-Challenge, MS-CHAPv2, and EAP-TLS by
// eap-tls.ts. Left out: other types (a Nak names what we do).
import { NO_BYTES, Reader } from "../../core/bytes.ts";
import type { Timer } from "../../core/clock.ts";
import { DecodeError } from "../../core/errors.ts";
import { Secret } from "../../core/secret.ts";
import { sameBytes, utf8 } from "../../core/text.ts";
import { printable } from "../../core/words.ts";
import type { Crypto } from "../../ports/ports.ts";
import type { MppeMaster } from "../compress/mppe.ts";
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
import type { EapTls } from "./eap-tls.ts";
import { answerTo, ntPasswordHash, provesItself, refusalInWords } from "./mschapv2.ts";
import { asksForChange, changedBy } from "./new-password.ts";
import { chapMd5 } from "./proof.ts";
import {
  type AuthenticateeDeps,
  type AuthenticateeEvents,
  type AuthSide,
  type Identity,
  MAX_TRIES,
  RETRY_MS,
} from "./side.ts";

/** Requests of one session; a peer that asks for ever is no authenticator. */
const MAX_REQUESTS = 40;
/** A chain of certificates in small fragments. */
const MAX_TLS_REQUESTS = 400;

interface EapStart {
  readonly identity: Identity;
  /** The methods that are answered, best first. */
  readonly methods: readonly EapMethod[];
  /** Non-null: EAP-TLS is the only method that is answered. */
  readonly tls: EapTls | null;
}

export class EapAuthenticatee implements AuthSide {
  readonly #crypto: Crypto;
  readonly #user: string;
  readonly #password: Secret;
  /** Null: there is none, or it is tried. */
  #newPassword: Secret | null;
  /** The server was told the new password. */
  #renewing = false;
  #challenge = NO_BYTES;
  readonly #methods: readonly EapMethod[];
  readonly #tls: EapTls | null;
  readonly #isOurs: (challenge: Uint8Array) => boolean;
  readonly #on: AuthenticateeEvents;
  readonly #timer: Timer;
  /** proved: everything shown, and of MS-CHAPv2 the server too. */
  #state: "idle" | "expecting" | "answered" | "proved" | "done" = "idle";
  #requests = 0;
  #repeats = 0;
  #last = NO_BYTES;
  #response = NO_BYTES;
  #proof: Uint8Array | null = null;
  #master: MppeMaster | null = null;
  #refused: ReturnType<typeof refusalInWords> | null = null;

  constructor({ clock, crypto, isOurs }: AuthenticateeDeps, start: EapStart, on: AuthenticateeEvents) {
    this.#crypto = crypto;
    this.#user = start.identity.user;
    this.#password = start.identity.password;
    this.#newPassword = start.identity.newPassword ?? null;
    this.#methods = start.tls ? [] : start.methods;
    this.#tls = start.tls;
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
          ? `the server does not finish EAP for user "${this.#user}"`
          : "the server does not send an EAP request for the identity",
      ),
    );
  }

  input(packet: Uint8Array): void {
    const p = readPacket(packet);
    if (p.code === EAP_CODE.response) return; // for the other side
    if (this.#state === "idle") {
      this.#on.ignored("stale-answer");
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
        if (this.#state === "done") return this.#on.ignored("stale-answer");
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
          "the server ends TLS 1.3 without RFC 9190's indication: limit it to TLS 1.2, or update it (EAP-TLS)",
        ),
      );
    }
    if (this.#state !== "proved") {
      this.#on.ignored("stale-answer");
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
      this.#on.failed(failure("auth-timeout", `the server does not finish EAP for user "${this.#user}"`));
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
    this.#on.failed(failure("auth-reflected", "the peer sends this daemon's own challenge back"));
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
        this.#challenge = value.slice();
        const hash = this.#password.use(ntPasswordHash);
        const data = writeChapValue({ value: this.#mschapv2Value(hash), name: utf8(this.#user) });
        hash.fill(0);
        return typed(EAP_TYPE.mschapv2, writeMschapv2({ op: OP.response, id: p.id, data }));
      }
      case OP.success:
        if (this.#proof === null || !provesItself(p.data, this.#proof)) {
          this.stop();
          const user = `user "${this.#user}"`;
          const text = `the server accepts ${user} but does not prove that it knows the password (EAP-MSCHAPv2)`;
          this.#on.failed(failure("server-not-authentic", text));
          return null;
        }
        this.#state = "proved";
        if (this.#renewing) this.#on.renewed?.();
        this.#renewing = false;
        return Uint8Array.of(EAP_TYPE.mschapv2, OP.success);
      case OP.failure: {
        const password = this.#newPassword;
        const asked = password && asksForChange("mschapv2", p.data, this.#challenge);
        if (password && asked && !this.#isOurs(asked)) return this.#renew(password, asked, p.id);
        this.#refused = refusalInWords(printable(this.#user), p.data, "EAP-MSCHAPv2");
        return Uint8Array.of(EAP_TYPE.mschapv2, OP.failure);
      }
      default:
        throw new DecodeError("bad-value", "MS-CHAPv2 opcode", 0);
    }
  }
  #mschapv2Value(hash: Uint8Array): Uint8Array {
    const { value, proof, master } = answerTo(this.#crypto, this.#challenge, this.#user, hash);
    this.#proof = proof;
    this.#master = master;
    return value;
  }
  #renew(password: Secret, challenge: Uint8Array, id: number): Uint8Array {
    this.#newPassword = null;
    this.#renewing = true;
    this.#challenge = challenge;
    const data = changedBy(this.#crypto, "mschapv2", this.#password, password, (h) => this.#mschapv2Value(h));
    const change = writeMschapv2({ op: OP.changePassword, id: (id + 1) & 0xff, data });
    return typed(EAP_TYPE.mschapv2, change);
  }
}
