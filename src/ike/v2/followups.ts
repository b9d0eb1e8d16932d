// The additional key exchanges behind CREATE_CHILD_SA: RFC 9370 §2.2.4. The responder says by what it knows the first
// one again; nothing is made of an exchange that does not come to its end.
//   HDR, SK {KEi(n), N(ADDITIONAL_KEY_EXCHANGE)} -->
//                    <-- HDR, SK {KEr(n), [N(ADDITIONAL_KEY_EXCHANGE)]}
import type { Timer } from "../../core/clock.ts";
import type { Failure } from "../../core/errors.ts";
import type { Scope } from "../../core/scope.ts";
import { sameBytes } from "../../core/text.ts";
import type { KeName } from "../../ports/ports.ts";
import { failure, type IkeEnv } from "../types.ts";
import { all, type Payload } from "../wire/payloads.ts";
import { answerKe, beginKe, kePayload, keValue } from "./addke.ts";
import type { Received, Request } from "./channel.ts";
import { errorIn } from "./childsa.ts";
import type { IkeSa } from "./ikesa.ts";
import { NOTIFY, notification, notifyName, readNotify } from "./wire/bodies.ts";
import { type Chain, EXCHANGE, PAYLOAD } from "./wire/message.ts";

/** So long the peer may take from one of them to the next: 5 to 20 seconds, says the RFC. */
const PATIENCE_MS = 20_000;
const LINK_BYTES = 8;

function linkIn(c: Chain): Uint8Array | null {
  const n = all(c, PAYLOAD.notify).map(readNotify);
  return n.find((x) => x.type === NOTIFY.additionalKeyExchange)?.data ?? null;
}

/** What becomes of those that we ask for. */
interface Asked {
  /** Whether they are still wanted. */
  wanted(): boolean;
  done(secrets: readonly Uint8Array[]): void;
  /** Null: the IKE SA has ended, or they are not wanted. */
  failed(why: Failure | null): void;
}
/** What becomes of those that the peer is to ask for. */
interface Awaited {
  /** All secrets are there; `last`, of the answer, goes to the peer when what they are for is. */
  done(secrets: readonly Uint8Array[], last: Payload): void;
  /** It is over without. */
  dropped(): void;
}
interface Pending extends Awaited {
  readonly sa: IkeSa;
  readonly link: Uint8Array;
  readonly left: KeName[];
  readonly secrets: Uint8Array[];
}
export type MakeRequest = (
  exchange: number,
  payloads: readonly Payload[],
  answered: (r: Received) => void,
  dropped: () => void,
) => Request;

export class Followups {
  readonly #env: IkeEnv;
  readonly #scope: Scope;
  readonly #request: MakeRequest;
  #timer: Timer | null = null; // few peers make them
  /** The peer does one thing after the other. */
  #pending: Pending | null = null;

  constructor(env: IkeEnv, scope: Scope, request: MakeRequest) {
    this.#env = env;
    this.#scope = scope;
    this.#request = request;
  }
  /** The peer is about to make something. */
  get pending(): boolean {
    return this.#pending !== null;
  }

  /** As initiator, behind the answer `c`; `names` may be empty. */
  begin(sa: IkeSa, names: readonly KeName[], c: Chain, o: Asked): void {
    this.#ask(sa, names, c, [], o);
  }
  #ask(sa: IkeSa, [name, ...later]: readonly KeName[], c: Chain, secrets: readonly Uint8Array[], o: Asked): void {
    if (!name) return o.done(secrets);
    const link = linkIn(c)?.slice();
    if (!link) return o.failed(failure("refused", "the peer does not go on with the key exchanges that it chose"));
    const dropped = (): void => o.failed(null);
    sa.channel.ask(() => {
      if (!o.wanted()) {
        dropped();
        return null;
      }
      const key = beginKe(this.#env.crypto, name);
      const payloads = [kePayload(name, key.publicValue), notification(NOTIFY.additionalKeyExchange, link)];
      const answered = ({ chain }: Received): void => {
        const error = errorIn(chain);
        const value = keValue(chain, name);
        const secret = value && key.shared(value);
        if (error) o.failed(failure("refused", `the peer refuses ${name}: ${notifyName(error.type)}`));
        else if (!secret) o.failed(failure("bad-key", `the peer sent a value for ${name} that is not acceptable`));
        else this.#ask(sa, later, chain, [...secrets, secret], o);
      };
      return this.#request(EXCHANGE.followup, payloads, answered, dropped);
    });
  }

  /** As responder, before the answer to CREATE_CHILD_SA goes out: what is to be in it. One takes another's place. */
  await(sa: IkeSa, names: readonly KeName[], o: Awaited): Payload[] {
    this.drop();
    const link = this.#env.crypto.random(LINK_BYTES);
    this.#pending = { ...o, sa, link, left: [...names], secrets: [] };
    this.#timer ??= this.#scope.timer("ike followup", () => this.drop());
    this.#timer.arm(PATIENCE_MS);
    return [notification(NOTIFY.additionalKeyExchange, link)];
  }
  drop(): void {
    const p = this.#take();
    p?.dropped();
  }
  #take(): Pending | null {
    const p = this.#pending;
    this.#pending = null;
    this.#timer?.disarm();
    return p;
  }
  /** IKE_FOLLOWUP_KE of the peer. Throws DecodeError. */
  asked(sa: IkeSa, chain: Chain): void {
    const p = this.#pending;
    const link = linkIn(chain);
    const name = p?.left[0];
    if (!p || !name || p.sa !== sa || !link || !sameBytes(link, p.link)) {
      sa.channel.answer([notification(NOTIFY.stateNotFound)]);
      return;
    }
    const value = keValue(chain, name);
    const x = value && answerKe(this.#env.crypto, name, value);
    if (!x) {
      sa.bad("ike.bad-ke", `a value for ${name} that is not acceptable`);
      sa.channel.answer([notification(NOTIFY.invalidSyntax)]);
      return this.drop();
    }
    const ours = kePayload(name, x.value);
    p.left.shift();
    p.secrets.push(x.secret);
    if (p.left.length > 0) {
      this.#timer?.arm(PATIENCE_MS);
      sa.channel.answer([ours, notification(NOTIFY.additionalKeyExchange, p.link)]);
      return;
    }
    this.#take();
    p.done(p.secrets, ours);
  }
}
