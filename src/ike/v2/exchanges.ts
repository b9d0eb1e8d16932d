// The exchanges under a connection's IKE SAs: RFC 7296 §1.3 (CREATE_CHILD_SA) and §1.4 (INFORMATIONAL), rekeys (§2.8)
// and what happens when both sides begin one (§2.8.1, §2.25). Of what we begin ourselves one thing is done at a time.
import { get16, u32 } from "../../core/bytes.ts";
import { DecodeError, type Failure } from "../../core/errors.ts";
import { uniform } from "../../core/rng.ts";
import type { DhGroupName } from "../../ports/ports.ts";
import type { Child, Ports } from "../child.ts";
import { type Children, type LiveChild, MOST_CHILDREN } from "../children.ts";
import { groupOf } from "../proposals.ts";
import { failure, type IkeEnv, type IkePolicy } from "../types.ts";
import { all, type Payload, payload } from "../wire/payloads.ts";
import type { Received, Request } from "./channel.ts";
import {
  type Agreed,
  answerOffer,
  errorIn,
  hasNotify,
  isRefusal,
  NONCE_BYTES,
  offerChild,
  readNonce,
  takeAnswer,
} from "./childsa.ts";
import { DELETE_IKE, deleteEsp } from "./deletes.ts";
import { type IkeSa, type NatSeen, natPayloads, readNat } from "./ikesa.ts";
import { childRefused } from "./initiator.ts";
import { answerRekey, offerRekey } from "./rekey.ts";
import { compare } from "./selectors.ts";
import { NOTIFY, notification, notifyName, PROTOCOL, readDelete, readNotify } from "./wire/bodies.ts";
import { type Chain, EXCHANGE, PAYLOAD, type Path } from "./wire/message.ts";
import { readSa } from "./wire/sa.ts";

/** After TEMPORARY_FAILURE, and after a rekey that failed: so long, and up to twice as long. */
const RETRY_MS = 5000;
/** Other groups that a peer may ask for in a row. */
const RESTARTS = 3;

export interface ExchangesOwner {
  readonly env: IkeEnv;
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
/** What the peer made while we were about to make the same. */
interface Theirs<T> {
  readonly made: T;
  /** The lower of its nonces. */
  readonly low: Uint8Array;
}
/** What we are making; `theirs`: the peer began the same at the same time. */
type Task =
  | { readonly kind: "child"; readonly old: LiveChild | null; theirs: Theirs<Child> | null }
  | { readonly kind: "ike"; theirs: Theirs<IkeSa> | null };

const REFUSED = 0;

export class Exchanges {
  readonly #o: ExchangesOwner;
  #task: Task | null = null;
  /** Inbound SPIs of pairs that we have asked the peer to delete. */
  readonly #closing = new Set<number>();
  /** Our next try, clock time. */
  #notBefore = 0;
  #asking = false;

  constructor(owner: ExchangesOwner) {
    this.#o = owner;
  }
  get busy(): boolean {
    return this.#task !== null || this.#closing.size > 0;
  }
  close(): void {
    this.#task = null;
  }

  // What we begin
  /** A pair in place of `old`; null: another. */
  makeChild(old: LiveChild | null): void {
    if (this.#task || this.#now() < this.#notBefore || (old && this.#closing.has(old.spiIn))) return;
    const task: Task = { kind: "child", old, theirs: null };
    this.#task = task;
    this.#askChild(task, this.#o.policy.espProposals[0]?.group ?? null, 0);
  }
  #askChild(task: Task & { kind: "child" }, group: DhGroupName | null, restarts: number): void {
    const sa = this.#o.current;
    const { old } = task;
    this.#ask(sa, () => {
      if (!sa || this.#task !== task || (old && !this.#o.children.bySpiIn(old.spiIn))) return this.#done(task);
      const { client, ports } = this.#o;
      const offer = offerChild(sa, client || !old ? ports : { local: old.localPort, remote: old.remotePort }, group);
      const ni = this.#o.env.crypto.random(NONCE_BYTES);
      const [first, ...rest] = offer.payloads;
      const payloads = [
        ...(old ? [notification(NOTIFY.rekeySa, new Uint8Array(0), u32(old.spiIn))] : []),
        ...(first ? [first] : []),
        payload(PAYLOAD.nonce, ni),
        ...rest,
      ];
      const release = (): void => {
        offer.pair.release();
        this.#done(task);
      };
      const answered = ({ chain }: Received): void => {
        if (!chain.payloads.some((p) => p.type === PAYLOAD.sa)) {
          release();
          this.#childRefused(task, chain, restarts);
          return;
        }
        const nr = readNonce(chain);
        const agreed = takeAnswer(sa, offer, chain, { ni, nr });
        if (isRefusal(agreed)) {
          release();
          this.deleteEsp([offer.pair.spiIn], null);
          this.#failed(agreed.why);
        } else this.#childMade(task, agreed, lower(ni, nr));
      };
      const dropped = (): void => {
        release();
        this.#later();
      };
      return this.#request(EXCHANGE.createChild, payloads, answered, dropped);
    });
  }
  #childRefused(task: Task & { kind: "child" }, chain: Chain, restarts: number): void {
    const error = errorIn(chain);
    const other =
      error?.type === NOTIFY.invalidKePayload && error.data.length === 2 ? groupOf(get16(error.data, 0)) : null;
    const { old } = task;
    if (
      other &&
      restarts < RESTARTS &&
      this.#o.policy.espProposals.some((p) => p.group === other || p.group === null)
    ) {
      this.#task = task;
      this.#askChild(task, other, restarts + 1);
    } else if (error?.type === NOTIFY.temporaryFailure) this.#later();
    else if (error?.type === NOTIFY.childSaNotFound && old) {
      if (this.#o.children.bySpiIn(old.spiIn)) this.#o.forget(old, "unknown to the peer");
      if (!this.#o.children.inUse()) this.makeChild(null);
    } else this.#failed(childRefused({ ...this.#o.policy, remote: this.#o.peer }, error?.type ?? REFUSED));
  }
  /** RFC 7296 §2.8.1: of two pairs the one with the lowest of the four nonces goes, by the hand of who made it. */
  #childMade(task: Task & { kind: "child" }, agreed: Agreed, low: Uint8Array): void {
    const { old, theirs } = task;
    if (theirs && compare(low, theirs.low) < 0) {
      agreed.pair.release();
      this.deleteEsp([agreed.child.spiIn], null);
      this.#o.sendUnderNew();
      this.#done(task);
      return;
    }
    this.#o.install(
      agreed,
      "now",
      () => {
        this.#done(task);
        this.#o.childUp(agreed.child);
        if (old && this.#o.children.bySpiIn(old.spiIn)) this.deleteChildren([old], "replaced");
      },
      (why) => {
        this.#done(task);
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
  /** RFC 4555 §3.5: we have moved, and so has everything that belongs to the IKE SA. */
  updateAddresses(): void {
    const sa = this.#o.current;
    const { policy, env } = this.#o;
    this.#ask(sa, () => {
      if (!sa) return null;
      const nat = natPayloads(env.crypto, sa, sa, policy.encap === "udp");
      const answered = ({ chain }: Received): void => {
        const error = errorIn(chain);
        if (error) {
          const text = `${this.#o.peer} refuses our new address: ${notifyName(error.type)}`;
          return this.#o.down(failure("refused", text));
        }
        const other = this.#updated(sa, readNat(env.crypto, sa, sa, chain));
        if (other) this.makeChild(this.#o.children.inUse());
      };
      const payloads = [notification(NOTIFY.updateSaAddresses), ...nat];
      return this.#request(EXCHANGE.informational, payloads, answered, () => {});
    });
  }
  /** The peer, which began the connection, has moved. */
  #updateAsked(sa: IkeSa, { chain, path }: Received): void {
    const { policy, env } = this.#o;
    const list = all(chain, PAYLOAD.notify).map(readNotify);
    const echo = list.filter((n) => n.type === NOTIFY.cookie2).map((n) => notification(NOTIFY.cookie2, n.data));
    this.#o.moved(path.local, path.remote, true);
    this.#updated(sa, readNat(env.crypto, sa, path, chain));
    sa.channel.answer([...natPayloads(env.crypto, sa, path, policy.encap === "udp"), ...echo]);
  }
  /** True: ESP goes in UDP now, or no longer; the pair in use has to be replaced. */
  #updated(sa: IkeSa, nat: NatSeen | null): boolean {
    const was = sa.udp;
    sa.nat = nat ?? sa.nat;
    sa.udp = sa.translated || this.#o.policy.encap === "udp";
    this.#o.changed();
    return was !== sa.udp;
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
    if (this.busy || this.#now() < this.#notBefore) return;
    const task: Task = { kind: "ike", theirs: null };
    this.#task = task;
    this.#askRekey(task, this.#o.current?.suite.group ?? "x25519", 0);
  }
  #askRekey(task: Task & { kind: "ike" }, group: DhGroupName, restarts: number): void {
    const sa = this.#o.current;
    this.#ask(sa, () => {
      if (!sa || this.#task !== task) return this.#done(task);
      const offer = offerRekey(sa, this.#o.manager.newSpi(), group);
      const lost = (): void => {
        if (this.#task !== task) return;
        const { theirs } = task;
        this.#done(task);
        if (theirs && !theirs.made.over) this.#o.adopt(theirs.made);
        else this.#later();
      };
      const answered = ({ chain }: Received): void => {
        const error = errorIn(chain);
        const other =
          error?.type === NOTIFY.invalidKePayload && error.data.length === 2 ? groupOf(get16(error.data, 0)) : null;
        if (other && restarts < RESTARTS) return this.#askRekey(task, other, restarts + 1);
        const made = error ? null : offer.take(chain, this.#o.manager);
        if (!made) return lost();
        const { theirs } = task;
        this.#o.manager.made(made.sa);
        if (this.#task !== task) return made.sa.close([DELETE_IKE]);
        this.#done(task);
        if (theirs && !theirs.made.over && compare(made.low, theirs.low) < 0) {
          made.sa.close([DELETE_IKE]);
          this.#o.adopt(theirs.made);
          return;
        }
        this.#o.adopt(made.sa);
        const gone = (): void => this.#o.forgetSa(sa);
        this.#ask(sa, () => ({
          ...this.#request(EXCHANGE.informational, [DELETE_IKE], gone, () => {}),
          silent: gone, // it may have been deleted, with the answer lost
        }));
      };
      return this.#request(EXCHANGE.createChild, offer.payloads, answered, lost);
    });
  }

  // What the peer begins
  asked(sa: IkeSa, r: Received): void {
    const { chain, exchange } = r;
    const answer = (list: readonly Payload[]): void => sa.channel.answer(list);
    if (chain.critical !== null)
      return answer([notification(NOTIFY.unsupportedCriticalPayload, Uint8Array.of(chain.critical))]);
    if (exchange === EXCHANGE.informational) return this.#informational(sa, r);
    if (exchange !== EXCHANGE.createChild) {
      sa.bad("ike.exchange", `exchange type ${exchange} is not supported`);
      return answer([notification(NOTIFY.invalidSyntax)]);
    }
    const [first] = all(chain, PAYLOAD.sa).flatMap(readSa);
    if (!first) throw new DecodeError("bad-value", "sa missing", 0);
    // RFC 7296 §2.25.2
    if (sa !== this.#o.current) return answer([notification(NOTIFY.temporaryFailure)]);
    if (first.protocol === PROTOCOL.ike) this.#rekeyAsked(sa, chain);
    else this.#childAsked(sa, chain);
  }
  #childAsked(sa: IkeSa, chain: Chain): void {
    const { children, client, ports } = this.#o;
    const answer = (...list: Payload[]): void => sa.channel.answer(list);
    const task = this.#task;
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
    const [first, ...rest] = a.payloads;
    const ready = (): void => {
      answer(...(first ? [first] : []), payload(PAYLOAD.nonce, nr), ...rest);
      if (task?.kind === "child" && this.#task === task && old && task.old?.spiIn === old.spiIn)
        task.theirs = { made: a.child, low: lower(ni, nr) };
      this.#o.childUp(a.child);
    };
    // packets under the old pair arrive, those under the new one only once the peer has our answer
    this.#o.install(a, old ? "late" : "now", ready, (why) => {
      answer(notification(NOTIFY.temporaryFailure));
      this.#o.childFailed(why);
    });
  }
  #rekeyAsked(sa: IkeSa, chain: Chain): void {
    const task = this.#task;
    if (task?.kind === "child" || this.#closing.size > 0) {
      sa.channel.answer([notification(NOTIFY.temporaryFailure)]);
      return;
    }
    const made = answerRekey(sa, chain, this.#o.manager);
    if ("notify" in made) {
      sa.channel.answer([notification(made.notify, made.data)]);
      return;
    }
    this.#o.manager.made(made.sa);
    sa.channel.answer(made.payloads);
    made.sa.user = sa.user;
    if (task?.kind === "ike") {
      task.theirs?.made.close(null);
      task.theirs = { made: made.sa, low: made.low };
    } else this.#o.adopt(made.sa);
  }
  /** RFC 7296 §2.25.2: the peer deletes what both were replacing, and our answer is still on its way: it is theirs. */
  #replacedByTheirs(sa: IkeSa): void {
    const task = this.#task;
    if (sa !== this.#o.current || task?.kind !== "ike" || !task.theirs || task.theirs.made.over) return;
    this.#done(task);
    this.#o.adopt(task.theirs.made);
  }
  #informational(sa: IkeSa, r: Received): void {
    const { chain } = r;
    const deletes = all(chain, PAYLOAD.delete).map(readDelete);
    if (deletes.some((d) => d.protocol === PROTOCOL.ike)) {
      sa.channel.answer([]);
      this.#replacedByTheirs(sa);
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

  #now(): number {
    return this.#o.env.clock.now();
  }
  #done(task: Task): null {
    if (this.#task === task) this.#task = null;
    return null;
  }
  #later(): void {
    this.#notBefore = this.#now() + RETRY_MS * (1 + uniform(this.#o.env.crypto));
    this.#o.lookSoon();
    if (this.#o.client && !this.#o.children.inUse() && !this.#o.over) this.#o.childFailed(BUSY);
  }
  #failed(why: Failure): void {
    this.#notBefore = this.#now() + 2 * RETRY_MS;
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

function lower(a: Uint8Array, b: Uint8Array): Uint8Array {
  return compare(a, b) < 0 ? a : b;
}
