// The exchanges under a connection's IKE SAs: RFC 7296 §1.3 (CREATE_CHILD_SA) and §1.4 (INFORMATIONAL), rekeys (§2.8)
// and what happens when both sides begin one (§2.8.1, §2.25). Of what we begin ourselves one thing is done at a time.
// Where additional key exchanges follow (RFC 9370 §2.2.4) who has lost does not go on with them: nothing is made that way.

import { get16, u32 } from "../../core/bytes.ts";
import { DecodeError, type Failure } from "../../core/errors.ts";
import { LazySet } from "../../core/lazy.ts";
import type { Scope } from "../../core/scope.ts";
import type { DhGroupName } from "../../ports/ports.ts";
import type { Child, Ports } from "../child.ts";
import { type Children, type LiveChild, MOST_CHILDREN } from "../children.ts";
import { groupOf } from "../proposals.ts";
import { failure, type IkeEnv, type IkePolicy } from "../types.ts";
import { all, type Payload, payload } from "../wire/payloads.ts";
import type { Received, Request } from "./channel.ts";
import {
  type Agreed,
  type Answer,
  answerOffer,
  errorIn,
  hasNotify,
  isRefusal,
  NONCE_BYTES,
  offerChild,
  readNonce,
  takeAnswer,
} from "./childsa.ts";
import { deleteEsp } from "./deletes.ts";
import { Followups, type MakeRequest } from "./followups.ts";
import type { IkeSa } from "./ikesa.ts";
import { childRefused } from "./initiator.ts";
import { Rekeys } from "./rekeys.ts";
import { addressesUpdated, takeNat, updateAddresses } from "./roaming.ts";
import { type ChildTask, hasLost, lower, Tasks } from "./tasks.ts";
import { NOTIFY, notification, notifyName, PROTOCOL, readDelete, readNotify } from "./wire/bodies.ts";
import { type Chain, EXCHANGE, PAYLOAD, type Path } from "./wire/message.ts";
import { readSa } from "./wire/sa.ts";

/** Other groups that a peer may ask for in a row. */
const RESTARTS = 3;

export interface ExchangesOwner {
  readonly env: IkeEnv;
  readonly scope: Scope;
  readonly policy: IkePolicy;
  readonly client: boolean;
  readonly ports: Ports;
  readonly over: boolean;
  readonly current: IkeSa | null;
  readonly children: Children;
  readonly peer: string;
  readonly manager: {
    newSpi(): Uint8Array;
    made(sa: IkeSa): void;
    closed(sa: IkeSa): void;
  };
  install(a: Agreed, out: "now" | "late", ready: () => void, failed: (why: Failure) => void): void;
  childUp(c: Child): void;
  sendUnderNew(): void;
  forget(c: LiveChild | Child, why: string): void;
  childGone(): void;
  childFailed(why: Failure): void;
  adopt(sa: IkeSa): void;
  saDeleted(sa: IkeSa): void;
  forgetSa(sa: IkeSa, last?: readonly Payload[] | null): void;
  down(why: Failure): void;
  moved(local: Path["local"], to: Path["remote"], always?: boolean): void;
  /** What status shows has changed. */
  changed(): void;
  lookSoon(): void;
}
const REFUSED = 0;

export class Exchanges {
  readonly #o: ExchangesOwner;
  readonly #tasks: Tasks;
  /** Inbound SPIs of pairs that we have asked the peer to delete. */
  readonly #closing = new LazySet<number>();
  #asking = false;
  /** Inbound SPI of the pair that the peer is about to replace, behind more key exchanges; 0: none. */
  #replacing = 0;
  readonly #followups: Followups;
  readonly #rekeys: Rekeys;

  constructor(owner: ExchangesOwner) {
    this.#o = owner;
    this.#tasks = new Tasks(owner.env);
    const request: MakeRequest = (...r) => this.#request(...r);
    this.#followups = new Followups(owner.env, owner.scope, request);
    this.#rekeys = new Rekeys(owner, this.#tasks, this.#followups, request, () => this.#later());
  }
  get busy(): boolean {
    return this.#tasks.current !== null || this.#closing.size > 0;
  }
  close(): void {
    this.#tasks.current = null;
    this.#followups.drop();
  }

  // What we begin
  /** A pair in place of `old`; null: another. */
  makeChild(old: LiveChild | null): void {
    if (!this.#tasks.free || (old && this.#closing.has(old.spiIn))) return;
    if (old && this.#replacing === old.spiIn) return; // the peer is about to
    const task: ChildTask = { kind: "child", old, theirs: null };
    this.#tasks.current = task;
    this.#askChild(task, this.#o.policy.espProposals[0]?.group ?? null, 0);
  }
  #askChild(task: ChildTask, group: DhGroupName | null, restarts: number): void {
    const sa = this.#o.current;
    const { old } = task;
    this.#ask(sa, () => {
      if (!sa || this.#tasks.current !== task || (old && !this.#o.children.bySpiIn(old.spiIn)))
        return this.#tasks.done(task);
      const { client, ports } = this.#o;
      const ni = this.#o.env.crypto.random(NONCE_BYTES);
      const offer = offerChild(sa, client || !old ? ports : { local: old.localPort, remote: old.remotePort }, group);
      const [first, ...rest] = offer.payloads;
      const payloads = [
        ...(old ? [notification(NOTIFY.rekeySa, new Uint8Array(0), u32(old.spiIn))] : []),
        ...(first ? [first] : []),
        payload(PAYLOAD.nonce, ni),
        ...rest,
      ];
      const release = (): void => {
        offer.pair.release();
        this.#tasks.done(task);
      };
      const answered = ({ chain }: Received): void => {
        if (!chain.payloads.some((p) => p.type === PAYLOAD.sa)) {
          release();
          this.#childRefused(task, chain, restarts);
          return;
        }
        const nr = readNonce(chain);
        const low = lower(ni, nr);
        const agreed = takeAnswer(sa, offer, chain, { ni, nr });
        const failed = (why: Failure): void => {
          release();
          this.deleteEsp([offer.pair.spiIn], null);
          this.#failed(why);
        };
        if (isRefusal(agreed)) return failed(agreed.why);
        this.#followups.begin(sa, agreed.addKe, chain, {
          wanted: () => this.#tasks.current === task && !hasLost(task, low),
          done: (secrets) => this.#childMade(task, agreed.complete(secrets), low),
          failed: (why) => (why ? failed(why) : dropped()),
        });
      };
      const dropped = (): void => {
        release();
        this.#later();
      };
      const guarded = (r: Received): void => offer.pair.guard(() => answered(r));
      return this.#request(EXCHANGE.createChild, payloads, guarded, dropped);
    });
  }
  #childRefused(task: ChildTask, chain: Chain, restarts: number): void {
    const error = errorIn(chain);
    const other =
      error?.type === NOTIFY.invalidKePayload && error.data.length === 2 ? groupOf(get16(error.data, 0)) : null;
    const { old } = task;
    if (
      other &&
      restarts < RESTARTS &&
      this.#o.policy.espProposals.some((p) => p.group === other || p.group === null)
    ) {
      this.#tasks.current = task;
      this.#askChild(task, other, restarts + 1);
    } else if (error?.type === NOTIFY.temporaryFailure) this.#later();
    else if (error?.type === NOTIFY.childSaNotFound && old) {
      if (this.#o.children.bySpiIn(old.spiIn)) this.#o.forget(old, "unknown to the peer");
      if (!this.#o.children.inUse()) this.makeChild(null);
    } else this.#failed(childRefused({ ...this.#o.policy, remote: this.#o.peer }, error?.type ?? REFUSED));
  }
  /** RFC 7296 §2.8.1: of two pairs the one with the lowest of the four nonces goes, by the hand of who made it. */
  #childMade(task: ChildTask, agreed: Agreed, low: Uint8Array): void {
    const { old } = task;
    if (hasLost(task, low)) {
      agreed.pair.release();
      this.deleteEsp([agreed.child.spiIn], null);
      this.#o.sendUnderNew();
      this.#tasks.done(task);
      return;
    }
    if (task.theirs) this.#followups.drop();
    this.#o.install(
      agreed,
      "now",
      () => {
        this.#tasks.done(task);
        this.#o.childUp(agreed.child);
        if (old && this.#o.children.bySpiIn(old.spiIn)) this.deleteChildren([old], "replaced");
      },
      (why) => {
        this.#tasks.done(task);
        this.deleteEsp([agreed.child.spiIn], null);
        this.#failed(why);
      },
    );
  }
  /** They receive until the peer agrees. */
  deleteChildren(list: readonly LiveChild[], why: string): void {
    const these = list.filter((c) => !this.#closing.has(c.spiIn));
    if (these.length === 0) return;
    for (const c of these) this.#closing.add(c.spiIn);
    const gone = (): void => {
      for (const c of these) {
        this.#closing.delete(c.spiIn);
        if (this.#o.children.bySpiIn(c.spiIn) && !this.#o.over) this.#o.forget(c, why);
      }
    };
    this.deleteEsp(
      these.map((c) => c.spiIn),
      gone,
    );
  }
  deleteEsp(spis: readonly number[], then: (() => void) | null): void {
    const done = (): void => then?.();
    this.#ask(this.#o.current, () => this.#request(EXCHANGE.informational, [deleteEsp(spis)], done, done));
  }
  /** We have moved. */
  updateAddresses(): void {
    const sa = this.#o.current;
    this.#ask(sa, () => {
      if (!sa) return null;
      const answered = ({ chain }: Received): void => {
        const error = errorIn(chain);
        if (error) {
          const text = `${this.#o.peer} refuses our new address: ${notifyName(error.type)}`;
          return this.#o.down(failure("refused", text));
        }
        const other = takeNat(sa, sa, chain);
        this.#o.changed();
        if (other) this.makeChild(this.#o.children.inUse());
      };
      return this.#request(EXCHANGE.informational, updateAddresses(sa), answered, () => {});
    });
  }
  /** The peer, which began the connection, has moved. */
  #updateAsked(sa: IkeSa, r: Received): void {
    this.#o.moved(r.path.local, r.path.remote, true);
    takeNat(sa, r.path, r.chain);
    this.#o.changed();
    sa.channel.answer(addressesUpdated(sa, r));
  }
  /** RFC 7296 §2.4: whether it lives. */
  askPeer(): void {
    const sa = this.#o.current;
    if (!sa || sa.channel.busy || this.#asking) return;
    this.#asking = true;
    const done = (): void => {
      this.#asking = false;
    };
    this.#ask(sa, () => this.#request(EXCHANGE.informational, [], done, done));
  }
  rekeyIke(): void {
    if (!this.busy) this.#rekeys.begin();
  }

  // What the peer begins
  asked(sa: IkeSa, r: Received): void {
    const { chain, exchange } = r;
    const answer = (list: readonly Payload[]): void => sa.channel.answer(list);
    if (chain.critical !== null)
      return answer([notification(NOTIFY.unsupportedCriticalPayload, Uint8Array.of(chain.critical))]);
    if (exchange === EXCHANGE.informational) return this.#informational(sa, r);
    if (exchange === EXCHANGE.followup) return this.#followups.asked(sa, chain);
    if (exchange !== EXCHANGE.createChild) {
      sa.bad("ike.exchange", `exchange type ${exchange} is not supported`);
      return answer([notification(NOTIFY.invalidSyntax)]);
    }
    const [first] = all(chain, PAYLOAD.sa).flatMap(readSa);
    if (!first) throw new DecodeError("bad-value", "sa missing", 0);
    // RFC 7296 §2.25.2
    if (sa !== this.#o.current) return answer([notification(NOTIFY.temporaryFailure)]);
    if (first.protocol !== PROTOCOL.ike) this.#childAsked(sa, chain);
    else if (this.#closing.size > 0) answer([notification(NOTIFY.temporaryFailure)]);
    else this.#rekeys.asked(sa, chain);
  }
  #childAsked(sa: IkeSa, chain: Chain): void {
    const { children, client, ports } = this.#o;
    const answer = (...list: Payload[]): void => sa.channel.answer(list);
    const task = this.#tasks.current;
    if (task?.kind === "ike") return answer(notification(NOTIFY.temporaryFailure));
    const rekeys = all(chain, PAYLOAD.notify)
      .map(readNotify)
      .find((n) => n.type === NOTIFY.rekeySa);
    const old =
      rekeys?.spi.length === 4 ? children.bySpiOut(new DataView(rekeys.spi.slice().buffer).getUint32(0)) : null;
    if (rekeys && !old) return answer(notification(NOTIFY.childSaNotFound, new Uint8Array(0), rekeys.spi));
    if (old && this.#closing.has(old.spiIn)) return answer(notification(NOTIFY.temporaryFailure));
    if (children.size >= MOST_CHILDREN) {
      sa.bad("ike.exchanges", "too many pairs of ESP SAs");
      return answer(notification(NOTIFY.noAdditionalSas));
    }
    const ni = readNonce(chain);
    const nr = this.#o.env.crypto.random(NONCE_BYTES);
    const a = answerOffer(sa, chain, { ports: client ? ports : null, groups: true, ni, nr });
    if (isRefusal(a)) {
      answer(notification(a.notify, a.data));
      if (a.notify !== NOTIFY.invalidKePayload) this.#o.childFailed(a.why);
      return;
    }
    a.pair.guard(() => this.#answerChild(sa, a, old, lower(ni, nr), nr));
  }
  #answerChild(sa: IkeSa, a: Answer, old: LiveChild | null, low: Uint8Array, nr: Uint8Array): void {
    const answer = (list: readonly Payload[]): void => sa.channel.answer(list);
    const task = this.#tasks.current;
    const both = task?.kind === "child" && old && task.old?.spiIn === old.spiIn ? task : null;
    // packets under the old pair arrive, those under the new one only once the peer has our answer
    const install = (agreed: Agreed, last: readonly Payload[]): void => {
      const ready = (): void => {
        answer(last);
        if (both) both.theirs = low;
        this.#o.childUp(agreed.child);
      };
      this.#o.install(agreed, old ? "late" : "now", ready, (why) => {
        answer([notification(NOTIFY.temporaryFailure)]);
        this.#o.childFailed(why);
      });
    };
    const [first, ...rest] = a.payloads;
    const payloads = [...(first ? [first] : []), payload(PAYLOAD.nonce, nr), ...rest];
    if (a.addKe.length === 0) return install(a.complete([]), payloads);
    const link = this.#followups.await(sa, a.addKe, {
      done: (secrets, last) => {
        this.#replacing = 0;
        install(a.complete(secrets), [last]);
      },
      dropped: () => {
        this.#replacing = 0;
        if (both) both.theirs = null;
        a.pair.release();
      },
    });
    this.#replacing = old?.spiIn ?? 0;
    if (both) both.theirs = low;
    answer([...payloads, ...link]);
  }
  #informational(sa: IkeSa, r: Received): void {
    const { chain } = r;
    const deletes = all(chain, PAYLOAD.delete).map(readDelete);
    if (deletes.some((d) => d.protocol === PROTOCOL.ike)) {
      sa.channel.answer([]);
      this.#rekeys.replacedByTheirs(sa);
      this.#o.saDeleted(sa);
      return;
    }
    if (hasNotify(chain, NOTIFY.authenticationFailed)) {
      sa.channel.answer([]);
      this.#o.down(failure("psk-mismatch", `${this.#o.peer} does not accept who we are`));
      return;
    }
    if (hasNotify(chain, NOTIFY.updateSaAddresses) && sa.mobike && !this.#o.client && sa === this.#o.current)
      return this.#updateAsked(sa, r);
    const spis = deletes.flatMap((d) => (d.protocol === PROTOCOL.esp ? d.spis : []));
    const gone = spis.map((s) => this.#o.children.bySpiOut(s)).filter((c) => c !== null);
    // RFC 7296 §2.25.1: of a pair that we are deleting ourselves there is nothing to say
    const ours = gone.filter((c) => !this.#closing.has(c.spiIn)).map((c) => c.spiIn);
    sa.channel.answer(ours.length > 0 ? [deleteEsp(ours)] : []);
    if (gone.length === 0) return;
    this.#o.sendUnderNew();
    for (const c of gone) this.#o.forget(c, "deleted by the peer");
    this.#o.childGone();
  }

  #later(): void {
    this.#tasks.pause(false);
    this.#o.lookSoon();
    if (this.#o.client && !this.#o.children.inUse() && !this.#o.over) this.#o.childFailed(BUSY);
  }
  #failed(why: Failure): void {
    this.#tasks.pause(true);
    this.#o.childFailed(why);
  }
  #ask(sa: IkeSa | null, make: () => Request | null): void {
    sa?.channel.ask(make);
  }
  #request(
    exchange: number,
    payloads: readonly Payload[],
    answered: (r: Received) => void,
    dropped: () => void,
  ): Request {
    const dead = (): void =>
      this.#o.down(failure("dead-peer", `${this.#o.peer} stopped answering (dead peer detection)`));
    const unreadable = (e: DecodeError): void => {
      dropped();
      this.#o.down(failure("refused", `${this.#o.peer} sent what cannot be read: ${e.message}`));
    };
    return { exchange, payloads, answered, silent: dead, unreadable, dropped };
  }
}
const BUSY = failure("refused", `the peer cannot make ESP SAs now: ${notifyName(NOTIFY.temporaryFailure)}`);
