// PAP (RFC 1334 §2), both sides.
import { NO_BYTES, Reader, Writer } from "../../core/bytes.ts";
import type { Clock, Timer } from "../../core/clock.ts";
import type { Secret } from "../../core/secret.ts";
import { fromUtf8, utf8 } from "../../core/text.ts";
import { printable, said } from "../../core/words.ts";
import { readPacket, writePacket } from "../cp.ts";
import { failure } from "../words.ts";
import type { Verdict } from "./proof.ts";
import {
  type AuthenticateeEvents,
  type AuthenticatorEvents,
  type AuthenticatorNeeds,
  type AuthSide,
  type Begun,
  type Identity,
  MAX_TRIES,
  RETRY_MS,
} from "./side.ts";

const PAP_CODE = { request: 1, ack: 2, nak: 3 } as const;
/** Wrong passwords per session. RFC 1334 §2.2.1 leaves the rate to the peer; we do not. */
const MAX_ATTEMPTS = 3;

interface PapRequest {
  readonly user: Uint8Array;
  readonly password: Uint8Array;
}
/** Views into `body`; throws DecodeError. */
export function readPapRequest(body: Uint8Array): PapRequest {
  const r = new Reader(body);
  const user = r.bytes(r.u8("peer-id length"), "peer-id");
  const password = r.bytes(r.u8("password length"), "password");
  return { user, password };
}
/** Both at most 255 bytes, which the caller has checked. */
export function writePapRequest(q: PapRequest): Uint8Array {
  const w = new Writer();
  for (const field of [q.user, q.password]) {
    if (field.length > 255) throw new RangeError("PAP field longer than 255 bytes");
    w.u8(field.length);
    w.bytes(field);
  }
  return w.done().slice();
}
/** Some peers leave the length out of an empty message. */
export function readPapMessage(body: Uint8Array): Uint8Array {
  const r = new Reader(body);
  return r.left === 0 ? body : r.bytes(r.u8("message length"), "message");
}
export function writePapMessage(text: Uint8Array): Uint8Array {
  const m = text.subarray(0, 255);
  return Uint8Array.of(m.length, ...m);
}

export class PapAuthenticatee implements AuthSide {
  readonly #user: string;
  readonly #password: Secret;
  readonly #on: AuthenticateeEvents;
  readonly #timer: Timer;
  #id = 0;
  #tries = 0;
  #waiting = false;

  constructor(clock: Clock, identity: Identity, on: AuthenticateeEvents) {
    this.#user = identity.user;
    this.#password = identity.password;
    this.#on = on;
    this.#timer = clock.timer("pap-request", () => this.#send());
  }
  start(): void {
    this.#waiting = true;
    this.#send();
  }
  stop(): void {
    this.#waiting = false;
    this.#timer.disarm();
  }
  #send(): void {
    if (this.#tries++ >= MAX_TRIES) {
      this.stop();
      this.#on.failed(failure("auth-timeout", `the server does not answer user "${this.#user}" (PAP)`));
      return;
    }
    const user = utf8(this.#user);
    const tooLong = user.length > 255 || this.#password.use((p) => p.length > 255);
    if (tooLong) {
      this.stop();
      this.#on.failed(failure("auth-failed", "user name or password is longer than PAP can carry (255 bytes)"));
      return;
    }
    this.#id = (this.#id + 1) & 0xff; // RFC 1334 §2.2.1: a new one each time
    const body = this.#password.use((password) => writePapRequest({ user, password }));
    this.#on.send(writePacket({ code: PAP_CODE.request, id: this.#id, body }));
    this.#timer.arm(RETRY_MS);
  }
  input(packet: Uint8Array): void {
    const p = readPacket(packet);
    if (p.code !== PAP_CODE.ack && p.code !== PAP_CODE.nak) return;
    // Identifiers of earlier tries are as good: the answer to each is the same.
    const age = (this.#id - p.id) & 0xff;
    if (!this.#waiting || age >= this.#tries) {
      this.#on.ignored("stale-answer");
      return;
    }
    const message = printable(readPapMessage(p.body));
    this.stop();
    if (p.code === PAP_CODE.ack) {
      this.#on.done();
      return;
    }
    this.#on.failed(failure("auth-failed", `the server refuses user "${this.#user}" with PAP${said(message)}`));
  }
}

export class PapAuthenticator implements AuthSide {
  readonly #needs: Pick<AuthenticatorNeeds, "clock" | "check">;
  readonly #on: AuthenticatorEvents;
  /** While the peer is waited for. */
  #timer: Timer | null = null;
  #attempts = 0;
  #state: "idle" | "waiting" | "checking" | "done" | "failed" = "idle";
  /** Of the last Request. */
  #id = 0;
  #message = NO_BYTES;

  constructor(needs: Pick<AuthenticatorNeeds, "clock" | "check">, on: AuthenticatorEvents) {
    this.#needs = needs;
    this.#on = on;
  }
  start(): void {
    this.#state = "waiting";
    this.#timer ??= this.#needs.clock.timer("pap-wait", () => this.#late());
    this.#timer.arm(RETRY_MS * MAX_TRIES);
  }
  stop(): void {
    this.#state = "idle";
    this.#disarm();
  }
  #disarm(): void {
    this.#timer?.disarm();
    this.#timer = null;
  }
  #late(): void {
    this.#state = "failed";
    this.#on.failed("", failure("auth-timeout", "the peer does not authenticate itself (PAP)"));
  }
  input(packet: Uint8Array): void {
    const p = readPacket(packet);
    if (p.code !== PAP_CODE.request) return;
    const q = readPapRequest(p.body);
    if (this.#state === "idle") return this.#on.ignored("stale-answer");
    this.#asked(p.id, q);
  }
  goOn(begun: Begun): void {
    if (begun.method !== "pap") throw new RangeError("PAP goes on with an answer to CHAP");
    this.start();
    this.#asked(begun.id, { user: begun.name, password: begun.password });
  }
  #asked(id: number, q: PapRequest): void {
    this.#id = id; // a later Request than the one that is being checked gets its answer as well
    // RFC 1334 §2.2.1: our reply was lost; the same one again, nothing is checked twice.
    if (this.#state === "done" || this.#state === "failed") return this.#reply();
    if (this.#state === "checking") return;
    this.#state = "checking";
    const user = fromUtf8(q.user);
    this.#needs.check({ method: "pap", user, password: q.password.slice() }, (v) => this.#judged(user, v));
  }
  #judged(user: string, v: Verdict): void {
    this.#message = v.message;
    if (v.is === "accepted") {
      this.#state = "done";
      this.#disarm();
      this.#reply();
      this.#on.done(v.account);
      return;
    }
    const refused = v.is === "refused" ? v : null;
    if (refused?.wrong !== false) this.#on.wrong(user);
    const last = ++this.#attempts >= MAX_ATTEMPTS || refused?.wrong === false;
    this.#state = last ? "failed" : "waiting";
    if (last) this.#disarm();
    this.#reply();
    if (!last) return;
    const text = `user "${printable(user)}" gave ${MAX_ATTEMPTS} wrong passwords (PAP)`;
    this.#on.failed(user, refused?.said ? refused.why : failure("auth-failed", text));
  }
  #reply(): void {
    const code = this.#state === "done" ? PAP_CODE.ack : PAP_CODE.nak;
    const body = writePapMessage(this.#message);
    this.#on.send(writePacket({ code, id: this.#id, body }));
  }
}
