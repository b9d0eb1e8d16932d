// The initial exchanges, as initiator: RFC 7296 §1.2.
//   HDR, SAi1, KEi, Ni                                                    -->
//                                                    <-- HDR, SAr1, KEr, Nr
//   HDR, SK {KEi(n)}, for each additional key exchange                    -->
//                                                        <-- HDR, SK {KEr(n)}
//   HDR, SK {IDi, [IDr,] AUTH, [SAi2, TSi, TSr]}                          -->
//                                  <-- HDR, SK {IDr, AUTH, [SAr2, TSi, TSr]}

import { get16 } from "../../core/bytes.ts";
import { DecodeError, type Failure } from "../../core/errors.ts";
import { quote } from "../../core/events.ts";
import type { Scope } from "../../core/scope.ts";
import { concat, sameBytes } from "../../core/text.ts";
import type { DhKey, KeName } from "../../ports/ports.ts";
import type { Ports } from "../child.ts";
import { groupNumber, groupOf } from "../proposals.ts";
import { failure, HURRIED_TRIES, type IkeConnectConfig, type IkeEnv, ISAKMP_PORT, NATT_PORT } from "../types.ts";
import { tooLong } from "../unheard.ts";
import { isZero } from "../wire/header.ts";
import { writeId } from "../wire/id.ts";
import { one, optional, type Payload, payload, writeChain } from "../wire/payloads.ts";
import { beginKe, IntAuth, kePayload, keValue, nextKeys } from "./addke.ts";
import {
  certificateRequest,
  ourAuth,
  type Peer,
  peerOf,
  readSignatureHashes,
  type Signed,
  signatureHashes,
} from "./authentication.ts";
import { type Received, type Request, Tries } from "./channel.ts";
import {
  type Agreed,
  errorIn,
  hasNotify,
  isRefusal,
  NONCE_BYTES,
  type Offer,
  offerChild,
  readKePayload,
  readNonce,
  takeAnswer,
} from "./childsa.ts";
import { decoding } from "./decoding.ts";
import { DELETE_IKE } from "./deletes.ts";
import { IkeSa, type NatSeen, natPayloads, readNat, type SaUser } from "./ikesa.ts";
import { firstSeed, makeKeys } from "./keys.ts";
import { ppkAgreed, ppkIdentity, usePpk, withPpk } from "./ppk.ts";
import { chosenSuite, offerSuites, type Suite, suiteNames, suites, wantsMore } from "./suite.ts";
import { isError, NOTIFY, notification, notifyName, readNotify } from "./wire/bodies.ts";
import {
  type Chain,
  EXCHANGE,
  FLAG,
  type Header,
  type Message,
  PAYLOAD,
  type Path,
  readChain,
  writeHeader,
} from "./wire/message.ts";
import { readSa, writeSa } from "./wire/sa.ts";

/** The first message goes out more often at first: whether the peer speaks IKEv2 at all is to be known soon. */
const FIRST_WAITS: readonly number[] = [500, 1000, 2000, 4000, 6000, 8000];
/** How long the true answer may still come after one that anybody may have sent (RFC 7296 §2.21.1). */
const DOUBT_MS = 1500;
const NO_PPK = "no post-quantum key (ppk, RFC 8784), which is configured here";
/** Cookies and other groups asked for, in all. */
const RESTARTS = 4;

/** Of a message around its payloads, at most: header, SK, IV, padding, ICV. */
export const SEALED_BYTES = 28 + 4 + 16 + 16 + 32;

/** What an initiator leads to. */
export interface Initiated extends Peer {
  readonly sa: IkeSa;
  /** Null: without a pair of ESP SAs (RFC 6023). */
  readonly agreed: Agreed | null;
}
export interface InitiatorOwner extends SaUser {
  /** As Beginning has it. */
  answered(later: boolean): void;
  /** Somebody says that the peer has no IKEv2 for us. */
  doubted(): void;
  /** An IKE SA to be found by its SPI from now on. */
  made(sa: IkeSa): void;
  up(x: Initiated): void;
  /** It is over. */
  failed(why: Failure): void;
  closed(sa: IkeSa): void;
}
interface InitiatorOptions {
  readonly env: IkeEnv;
  readonly cfg: IkeConnectConfig;
  readonly spi: Uint8Array;
  readonly ports: Ports;
  /** We say INITIAL_CONTACT. */
  readonly first: boolean;
  readonly scope: Scope;
  readonly owner: InitiatorOwner;
}

/** The first message as it goes out. */
interface Opening {
  readonly group: Suite["group"];
  readonly dh: DhKey;
  readonly ni: Uint8Array;
  readonly cookie: Uint8Array | null;
}
/** Keys are there. */
interface Keyed {
  readonly sa: IkeSa;
  readonly signed: Signed;
  /** The pair of ESP SAs is made in an exchange of its own, with its own keys. */
  readonly childless: boolean;
}

export class Initiator {
  readonly #o: InitiatorOptions;
  readonly #suites: readonly Suite[];
  readonly #tries: Tries;
  readonly #path: Path;
  /** With a cookie everything else stays as it was (RFC 7296 §2.6); what hides our own address is random. */
  readonly #nat: readonly Payload[];
  #stage = "IKE_SA_INIT";
  #opening: Opening | null = null;
  #request: Uint8Array = new Uint8Array(0);
  #restarts = 0;
  #sa: IkeSa | null = null;
  #offer: Offer | null = null;
  #hint: Failure | null = null;
  #over = false;

  constructor(o: InitiatorOptions) {
    this.#o = o;
    const { local, remote } = o.cfg;
    this.#path = { local: { address: local, port: ISAKMP_PORT }, remote: { address: remote, port: ISAKMP_PORT } };
    this.#suites = suites(o.cfg, o.env.crypto);
    const spis = { spiI: o.spi, spiR: new Uint8Array(8) };
    this.#nat = natPayloads(o.env.crypto, spis, this.#path, o.cfg.encap === "udp");
    this.#tries = new Tries(o.scope, "ike first message", {
      send: (d) => o.env.port.send(this.#path.local, this.#path.remote, d),
      silent: () => this.#fail(this.#hint ?? this.#silence()),
    });
  }
  get spi(): Uint8Array {
    return this.#o.spi;
  }
  stage(): string {
    return `${this.#stage}${this.#hint ? ` (so far: ${this.#hint.text})` : ""}`;
  }
  begin(): void {
    const [first] = this.#suites;
    if (!first) {
      const text = "no proposal is configured that IKEv2 can use here: mlkem needs OpenSSL 3.5 or newer";
      return this.#fail(failure("no-proposal", text));
    }
    this.#open(first.group, this.#o.env.crypto.random(NONCE_BYTES), null);
  }
  /** What anybody may have said makes it unlikely that an answer comes: the next silence ends it. */
  doubt(why: Failure): void {
    this.#hint ??= why;
    this.#tries.hurry(DOUBT_MS);
    this.#o.owner.doubted();
  }
  drop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#tries.stop();
    this.#offer?.pair.release();
    this.#opening = null;
    this.#sa?.close(null);
  }
  #fail(why: Failure, tell: readonly Payload[] | null = null): void {
    if (this.#over) return;
    this.#sa?.close(tell);
    this.drop();
    this.#o.owner.failed(why);
  }
  #silence(): Failure {
    const text = `no answer from ${this.#o.cfg.remote} to IKEv2 on UDP ${ISAKMP_PORT}: it is down, blocked, or speaks IKEv1 only`;
    return failure("no-answer", text);
  }

  // IKE_SA_INIT
  #open(group: Suite["group"], ni: Uint8Array, cookie: Uint8Array | null): void {
    const { env, cfg, spi } = this.#o;
    const known = this.#opening?.group === group ? this.#opening.dh : null;
    const dh = known ?? env.crypto.dh(group);
    this.#opening = { group, dh, ni, cookie };
    const header: Header = {
      spiI: spi,
      spiR: new Uint8Array(8),
      next: PAYLOAD.sa,
      exchange: EXCHANGE.init,
      flags: FLAG.initiator,
      messageId: 0,
    };
    const payloads: Payload[] = [
      ...(cookie ? [notification(NOTIFY.cookie, cookie)] : []),
      payload(PAYLOAD.sa, writeSa(offerSuites(this.#suites, new Uint8Array(0)))),
      kePayload(group, dh.publicValue),
      payload(PAYLOAD.nonce, ni),
      ...this.#nat,
      notification(NOTIFY.fragmentationSupported),
      ...(wantsMore(this.#suites) ? [notification(NOTIFY.intermediateSupported)] : []),
      ...signatureHashes(cfg),
      ...usePpk(cfg),
    ];
    const body = writeChain(payloads);
    this.#request = concat([writeHeader({ ...header, next: payloads[0]?.type ?? 0 }, body.length), body]);
    this.#tries.start([this.#request], cfg.hurried ? FIRST_WAITS.slice(0, HURRIED_TRIES + 1) : FIRST_WAITS);
  }
  /** A response to the first message. Throws DecodeError; nothing has changed then. */
  receive(m: Message): void {
    const { header, path } = m;
    const opening = this.#opening;
    if (this.#over || !opening) return;
    const { remote } = this.#path;
    if (header.exchange !== EXCHANGE.init || header.messageId !== 0 || !(header.flags & FLAG.response)) return;
    if (path.remote.address !== remote.address || path.remote.port !== remote.port) {
      this.#o.env.counters.bump("ike.other-address");
      return;
    }
    decoding(this.#o.scope, () => {
      const chain = readChain(header.next, m.body);
      if (chain.payloads.some((p) => p.type === PAYLOAD.sa)) this.#chosen(m, chain, opening);
      else this.#answeredOtherwise(chain, opening);
    });
  }
  /** RFC 7296 §2.6 and §1.2: a cookie, or another group; or an error that anybody may have sent. */
  #answeredOtherwise(chain: Chain, opening: Opening): void {
    const { owner, cfg } = this.#o;
    const list = chain.payloads.filter((p) => p.type === PAYLOAD.notify).map((p) => readNotify(p.body));
    const cookie = list.find((n) => n.type === NOTIFY.cookie)?.data;
    const other = list.find((n) => n.type === NOTIFY.invalidKePayload)?.data;
    const group = other?.length === 2 ? groupOf(get16(other, 0)) : null;
    // the answer to a message that had gone out twice before the first answer came
    if (cookie && opening.cookie && sameBytes(cookie, opening.cookie)) return;
    if (cookie && cookie.length > 0 && cookie.length <= 64 && this.#restarts++ < RESTARTS) {
      owner.answered(true);
      return this.#open(opening.group, opening.ni, cookie.slice());
    }
    if (
      group &&
      group !== opening.group &&
      this.#suites.some((s) => s.group === group) &&
      this.#restarts++ < RESTARTS
    ) {
      owner.answered(false);
      return this.#open(group, opening.ni, opening.cookie);
    }
    const error = list.find((n) => isError(n.type));
    if (!error) return;
    const name = notifyName(error.type);
    const ours = suiteNames(this.#suites);
    const text =
      error.type === NOTIFY.noProposalChosen
        ? `${cfg.remote} accepts none of our IKEv2 proposals (${ours}), or has no IKEv2 for us: ${name}`
        : `${cfg.remote} refuses IKEv2: ${name}`;
    this.doubt(failure(error.type === NOTIFY.noProposalChosen ? "no-proposal" : "refused", text));
  }
  #chosen(m: Message, chain: Chain, { dh, group, ni }: Opening): void {
    const { env, cfg, owner, spi } = this.#o;
    const choice = chosenSuite(this.#suites, readSa(one(chain, PAYLOAD.sa, "sa")));
    const ke = readKePayload(chain);
    const nr = readNonce(chain);
    const spiR = m.header.spiR.slice();
    if (isZero(spiR)) throw new DecodeError("bad-value", "responder's spi", 8);
    const more = choice !== null && choice.addKe.length > 0;
    if (!choice || choice.ours.group !== group || (more && !hasNotify(chain, NOTIFY.intermediateSupported))) {
      return this.doubt(failure("no-proposal", `${cfg.remote} chose an IKEv2 proposal that was not offered`));
    }
    const gir = ke && ke.group === groupNumber(group) ? dh.shared(ke.value) : null;
    if (!gir) return this.doubt(failure("bad-key", `${cfg.remote} sent a Diffie-Hellman value that is not acceptable`));
    const seed = { spiI: spi, spiR, ni, nr };
    const { ours: suite, addKe } = choice;
    const keys = makeKeys(env.crypto, suite, firstSeed(env.crypto, suite, gir, seed), seed);
    if (cfg.ppk && !hasNotify(chain, NOTIFY.usePpk)) return this.#fail(failure("mode", `${cfg.remote} has ${NO_PPK}`));
    const nat = readNat(env.crypto, seed, this.#path, chain);
    const why = natFault(cfg, nat);
    if (why) return this.#fail(why);
    this.#tries.stop();
    this.#opening = null;
    this.#hint = null;
    owner.answered(false);
    const udp = nat !== null && (nat.us || nat.peer || cfg.encap === "udp");
    const path = udp ? floated(this.#path) : this.#path;
    const fragments = hasNotify(chain, NOTIFY.fragmentationSupported);
    const closed = (sa: IkeSa): void => owner.closed(sa);
    const seen = nat ?? { us: false, peer: false };
    const own = { env, policy: cfg, role: "initiator", firstId: 1, user: owner, closed } as const;
    const sa = new IkeSa({ ...own, ...seed, ...path, suite, addKe, keys, nat: seen, udp, fragments });
    this.#sa = sa;
    owner.made(sa);
    const response = m.datagram.slice();
    const hashes = readSignatureHashes(chain);
    const intAuth = new IntAuth(env.crypto, suite);
    const signed = { env, policy: cfg, suite, keys, request: this.#request, response, ni, nr, hashes, intAuth };
    const pfs = (cfg.espProposals[0]?.group ?? null) !== null;
    this.#intermediate({ sa, signed, childless: pfs && hasNotify(chain, NOTIFY.childlessSupported) }, addKe);
  }

  // IKE_INTERMEDIATE
  #intermediate(k: Keyed, [name, ...later]: readonly KeName[]): void {
    const { sa, signed } = k;
    const { env, cfg } = this.#o;
    if (!name) return this.#authenticate({ ...k, signed: { ...signed, keys: sa.keys } });
    this.#stage = "IKE_INTERMEDIATE";
    const key = beginKe(env.crypto, name);
    const payloads = [kePayload(name, key.publicValue)];
    const answered = (r: Received): void => {
      const value = keValue(r.chain, name);
      const secret = value && key.shared(value);
      const error = errorIn(r.chain);
      if (error) return this.#fail(failure("refused", `${cfg.remote} refuses ${name}: ${notifyName(error.type)}`));
      if (!secret)
        return this.#fail(failure("bad-key", `${cfg.remote} sent a value for ${name} that is not acceptable`));
      signed.intAuth.add(sa.keys, r, "initiator", payloads);
      sa.rekey(nextKeys(sa, secret, signed));
      this.#intermediate(k, later);
    };
    this.#ask(sa, { exchange: EXCHANGE.intermediate, payloads, answered });
  }

  // IKE_AUTH
  /** RFC 8784 §3: the post-quantum preshared key comes in behind the last key exchange. */
  #authenticate({ signed: before, ...rest }: Keyed): void {
    const { env, cfg, first, ports } = this.#o;
    const { sa } = rest;
    sa.keys = withPpk(env, cfg, sa.suite, before.keys);
    const k = { ...rest, signed: { ...before, keys: sa.keys } };
    this.#stage = "IKE_AUTH";
    this.#offer = k.childless ? null : offerChild(k.sa, ports);
    const offer = this.#offer;
    // with certificates the server's identity is looked for among its names: it need not be the one that it sends
    const want = cfg.certificates ? null : cfg.remoteId;
    const auth = ourAuth(k.signed, "initiator", k.sa.local, cfg.certificates !== null);
    if (typeof auth === "string") return this.#fail(failure("mode", `${cfg.remote}: ${auth}`));
    const payloads = [
      ...auth,
      ...certificateRequest(cfg),
      ...ppkIdentity(cfg, "initiator"),
      ...(want ? [payload(PAYLOAD.idR, writeId({ id: want, protocol: 0, port: 0 }))] : []),
      ...(first ? [notification(NOTIFY.initialContact)] : []),
      ...(this.#o.env.localTo ? [notification(NOTIFY.mobikeSupported)] : []),
      ...(offer?.payloads ?? []),
    ];
    const long = tooLong(cfg.remote, writeChain(payloads).length + SEALED_BYTES, k.sa.fragments);
    if (long) return this.#fail(long);
    this.#ask(k.sa, { exchange: EXCHANGE.auth, payloads, answered: (r) => this.#authenticated(k, offer, r) });
  }
  #ask(sa: IkeSa, r: Pick<Request, "exchange" | "payloads" | "answered">): void {
    const silent = (): void => {
      const text = `${this.#o.cfg.remote} answers IKE_SA_INIT, but not ${this.#stage} on UDP ${sa.remote.port}`;
      this.#fail(failure("no-answer", text));
    };
    const unreadable = (e: DecodeError): void =>
      this.#fail(failure("refused", `${this.#o.cfg.remote} sent what cannot be read: ${e.message}`));
    sa.channel.ask(() => ({ ...r, silent, unreadable }));
  }
  #authenticated({ sa, signed }: Keyed, offer: Offer | null, { chain }: Received): void {
    const { cfg, owner } = this.#o;
    const error = errorIn(chain);
    if (!optional(chain, PAYLOAD.auth, "auth")) return this.#fail(refused(cfg, error?.type ?? 0));
    const peer = peerOf(signed, "responder", chain, sa.remote);
    if (!ppkAgreed(cfg, "responder", chain)) {
      return this.#fail(failure("mode", `${cfg.remote} has ${NO_PPK}`), [notification(NOTIFY.authenticationFailed)]);
    }
    if ("why" in peer) return this.#fail(peer.why, [notification(NOTIFY.authenticationFailed)]);
    sa.mobike = hasNotify(chain, NOTIFY.mobikeSupported);
    let agreed: Agreed | null = null;
    if (offer) {
      const answer = error ? { why: childRefused(cfg, error.type), notify: 0 } : takeAnswer(sa, offer, chain, signed);
      if (isRefusal(answer)) return this.#fail(answer.why, [DELETE_IKE]);
      agreed = answer.complete([]);
    }
    this.#over = true;
    const up = (): void => owner.up({ sa, agreed, ...peer });
    if (agreed) agreed.pair.guard(up);
    else up();
  }
}

/** RFC 7296 §2.23. */
export function floated({ local, remote }: Path): Path {
  const port = (p: number): number => (p === ISAKMP_PORT ? NATT_PORT : p);
  return {
    local: { address: local.address, port: port(local.port) },
    remote: { address: remote.address, port: port(remote.port) },
  };
}
export function natFault(
  cfg: { readonly encap: IkeConnectConfig["encap"]; readonly remote: string },
  nat: NatSeen | null,
): Failure | null {
  if (cfg.encap === "esp" && nat !== null && (nat.us || nat.peer)) {
    return failure("nat", `there is a NAT between us and ${cfg.remote}, but encap = esp allows only raw ESP`);
  }
  if (cfg.encap === "udp" && nat === null) {
    return failure("no-natt", `${cfg.remote} does not support NAT traversal, but encap = udp requires it`);
  }
  return null;
}
function refused(cfg: IkeConnectConfig, type: number): Failure {
  if (type !== NOTIFY.authenticationFailed) {
    return failure("refused", `${cfg.remote} refuses IKE_AUTH: ${type === 0 ? "no AUTH payload" : notifyName(type)}`);
  }
  if (cfg.certificates) {
    const text = `${cfg.remote} does not authenticate us: it may not trust our certificate's CA, or expect another name in it`;
    return failure("cert-refused", text);
  }
  const id = cfg.localId === null ? "our address" : quote(cfg.localId.text);
  const text = `${cfg.remote} does not authenticate us: the pre-shared key differs, or it does not know ${id}`;
  return failure("psk-mismatch", text);
}
/** What an error notification means for a pair of ESP SAs that we asked for. */
export function childRefused(
  { espProposals, remote }: IkeConnectConfig | { espProposals: IkeConnectConfig["espProposals"]; remote: string },
  type: number,
): Failure {
  const name = notifyName(type);
  if (type === NOTIFY.noProposalChosen) {
    const ours = espProposals.map((p) => p.text).join(" ");
    return failure("no-proposal", `${remote} accepts none of our ESP proposals (${ours}) in transport mode: ${name}`);
  }
  if (type === NOTIFY.tsUnacceptable || type === NOTIFY.invalidSelectors) {
    return failure("bad-selectors", `${remote} does not serve L2TP (UDP 1701) to us: ${name}`);
  }
  return failure("refused", `${remote} refuses ESP SAs: ${name}`);
}
