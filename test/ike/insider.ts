// A peer that has the key and does phase 1 by the book, and then says what it likes.

import assert from "node:assert/strict";
import { u32 } from "../../src/core/bytes.ts";
import { Counters } from "../../src/core/counters.ts";
import { DecodeError, type Failure } from "../../src/core/errors.ts";
import { Packet } from "../../src/core/packet.ts";
import type { Child } from "../../src/ike/child.ts";
import { chooseIke } from "../../src/ike/choice.ts";
import { ENCAP, type EspProposal, espTransform } from "../../src/ike/proposals.ts";
import type { IkeEnv, IkePolicy } from "../../src/ike/types.ts";
import type { Message, Path } from "../../src/ike/v1/exchange.ts";
import { IkeSa } from "../../src/ike/v1/ikesa.ts";
import type { Role } from "../../src/ike/v1/phase1.ts";
import { QuickMode } from "../../src/ike/v1/quickmode.ts";
import { EXCHANGE, type IsakmpHeader, readMessage } from "../../src/ike/wire/header.ts";
import { type Chain, one, PAYLOAD, type Payload, readChain } from "../../src/ike/wire/payloads.ts";
import { PROTOCOL, writeSa } from "../../src/ike/wire/sa.ts";
import type { Crypto, Endpoint } from "../../src/ports/ports.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { client, Host, type Net } from "./double.ts";

const at500 = (address: string): Endpoint => ({ address, port: 500 });
const quiet = {
  established: () => {},
  failed: () => {},
  connectionFor: () => null,
  initialContact: () => {},
  deleted: () => {},
  closed: () => {},
  asksTurn: (sa: IkeSa) => sa.exchangeKeys(),
  fragments: () => {},
  unspoken: () => {},
};

/** What goes into a quick mode message in place of what the RFC wants. */
export interface Say {
  readonly spi?: Uint8Array;
  readonly esp?: EspProposal;
  readonly lifeSeconds?: number;
  readonly nonce?: Uint8Array;
  readonly ids?: readonly Uint8Array[];
}
export class Insider {
  readonly host: Host;
  readonly env: IkeEnv;
  readonly policy: IkePolicy;
  readonly crypto: { -readonly [K in keyof Crypto]: Crypto[K] } = { ...nodeCrypto };
  readonly children: Child[] = [];
  readonly failures: Failure[] = [];
  /** A client's quick modes that this side answers: what it answers with. */
  answer: (c: Chain) => Say = () => ({});
  sa: IkeSa | null = null;
  readonly #net: Net;
  readonly #other: string;
  readonly #quick = new Map<number, QuickMode>();

  /** `other` is the honest side's address. */
  constructor(net: Net, address: string, other: string, policy: IkePolicy = client(other, address)) {
    this.#net = net;
    this.#other = other;
    this.policy = policy;
    this.host = new Host(net, address);
    const { port, plane } = this.host;
    this.env = {
      clock: net.clock,
      crypto: this.crypto,
      log: { emit: () => {} },
      port,
      plane,
      counters: new Counters(),
      wallClock: () => 0,
    };
    port.onMessage = (p, local, remote) => {
      try {
        this.#receive(p.view().slice(), local, remote);
      } catch (e) {
        if (!(e instanceof DecodeError)) throw e; // an answer to a message made by hand: its keys are not kept
      }
    };
  }
  #receive(datagram: Uint8Array, local: Endpoint, remote: Endpoint): void {
    const { header, body } = readMessage(datagram);
    const m = { header, body, datagram, path: { local, remote } };
    const q = this.#quick.get(header.messageId);
    if (q) q.receive(m);
    else if (!this.sa) this.#accept(m);
    else if (header.exchange === EXCHANGE.quick && this.sa.role === "responder") this.#answered(header, body);
    else this.sa.receive(m);
  }
  get up(): IkeSa {
    return this.sa?.up ? this.sa : assert.fail("phase 1 is not done");
  }
  /** Main mode as initiator. */
  async begin(): Promise<IkeSa> {
    const { address } = this.host;
    const [local, remote] = [at500(address), at500(this.#other)];
    const sa = this.#newSa("initiator", nodeCrypto.random(8), { local, remote });
    this.sa = sa;
    sa.begin();
    await this.#net.run(100);
    return sa;
  }
  #newSa(role: Role, icookie: Uint8Array, path: Path): IkeSa {
    return new IkeSa({ env: this.env, policy: this.policy, role, icookie, path, first: false, owner: quiet });
  }
  #accept(m: Message): void {
    const chain = readChain(m.header.next, m.body, false);
    const choice = chooseIke(this.policy, one(chain, PAYLOAD.sa, "sa"));
    if (typeof choice === "string") assert.fail(choice);
    this.sa = this.#newSa("responder", m.header.icookie.slice(), m.path);
    this.sa.accept(choice, m);
  }
  #answered(h: IsakmpHeader, body: Uint8Array): void {
    const { up } = this;
    const { protection } = up;
    const { chain, iv } = protection.open(protection.firstIv(h.messageId), h.next, body); // of message 3 only noise
    const ni = one(chain, PAYLOAD.nonce, "nonce");
    const payloads = this.#payloads(this.answer(chain));
    const { messageId } = h;
    up.transmit(
      protection.sealHashed({ messageId, kind: "quick", iv, prefix: [u32(messageId), ni], payloads }).message,
    );
  }

  /** A quick mode as the RFC has it, to its end. */
  async quick(ports = { local: 1701, remote: 1701 }): Promise<void> {
    const messageId = this.#id();
    const owner = {
      flow: 1,
      childUp: (c: Child) => void this.children.push(c),
      quickFailed: (_: unknown, why: Failure) => void this.failures.push(why),
    };
    const { env, policy, up: sa } = this;
    const q = new QuickMode({ env, sa, policy, messageId, begins: { owner, ports, pfs: null } });
    this.#quick.set(messageId, q);
    q.begin();
    await this.#net.run(50);
  }
  /** Message 1 of a quick mode with what `say` has. */
  quick1(say: Say, id = this.#id()): Uint8Array {
    return this.#seal(id, "quick", this.#payloads(say));
  }
  /** An informational message; with `hash` that instead of the right one. */
  inform(payload: Payload, hash?: Uint8Array): Uint8Array {
    const { protection } = this.up;
    const id = this.#id();
    if (hash === undefined) return this.#seal(id, "informational", [payload]);
    const message = protection.sealQuick(id, protection.firstIv(id), [
      { type: PAYLOAD.hash, body: hash },
      payload,
    ]).message;
    message[18] = EXCHANGE.informational;
    return message;
  }
  #seal(messageId: number, kind: "quick" | "informational", payloads: readonly Payload[]): Uint8Array {
    const { protection } = this.up;
    const iv = protection.firstIv(messageId);
    return protection.sealHashed({ messageId, kind, iv, prefix: [u32(messageId)], payloads }).message;
  }
  /** Hands it to the other side, `twist`ed on its way. */
  async say(message: Uint8Array, twist: (m: Uint8Array) => void = () => {}): Promise<void> {
    const m = message.slice();
    twist(m);
    this.#net.hosts.get(this.#other)?.port.onMessage(Packet.of(m), at500(this.#other), at500(this.host.address));
    await this.#net.run(20);
  }
  #payloads(s: Say): Payload[] {
    const esp = s.esp ?? this.policy.espProposals[0] ?? assert.fail();
    const spi = s.spi ?? nodeCrypto.random(4).map((b) => b | 1);
    const transforms = [espTransform(esp, 1, ENCAP.transport, s.lifeSeconds ?? 3600, 0)];
    return [
      { type: PAYLOAD.sa, body: writeSa([{ number: 1, protocol: PROTOCOL.esp, spi, transforms }]) },
      { type: PAYLOAD.nonce, body: s.nonce ?? nodeCrypto.random(32) },
      ...(s.ids ?? []).map((body) => ({ type: PAYLOAD.id, body })),
    ];
  }
  #id(): number {
    return (new DataView(nodeCrypto.random(4).buffer).getUint32(0) | 1) >>> 0;
  }
}
