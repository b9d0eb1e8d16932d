// The first message of a peer, and what is answered without keeping anything: RFC 7296 §1.2.
import { DecodeError } from "../../core/errors.ts";
import { concat, sameBytes } from "../../core/text.ts";
import type { Crypto } from "../../ports/ports.ts";
import { adviceForIkev2 } from "../choice.ts";
import { groupNumber } from "../proposals.ts";
import { failure, type IkePolicy } from "../types.ts";
import { one, type Payload, writeChain } from "../wire/payloads.ts";
import { hasNotify, type Refusal, readKePayload, readNonce } from "./childsa.ts";
import type { Spis } from "./ikesa.ts";
import { type Choice, chooseSuite, describeProposals, type Suite, suiteNames, suites } from "./suite.ts";
import { NOTIFY } from "./wire/bodies.ts";
import { type Chain, EXCHANGE, FLAG, type Message, PAYLOAD, readChain, writeHeader } from "./wire/message.ts";
import { readSa } from "./wire/sa.ts";

/** A first message that we take. */
export interface FirstMessage {
  readonly choice: Choice<Suite>;
  /** The peer's half of the key exchange, and its nonce. Views. */
  readonly ke: Uint8Array;
  readonly ni: Uint8Array;
  readonly chain: Chain;
}
/** What a choice depends on, besides the policy. */
interface Asked {
  readonly sa: Uint8Array;
  /** Of the peer's key exchange. */
  readonly group: number;
  readonly more: boolean;
}
interface Memory {
  readonly list: readonly Suite[];
  readonly last: (Asked & { readonly choice: Choice<Suite> })[];
}
/** Peers of one kind offer the same: the comparison of two long lists is most of what a first message costs. */
const memories = new WeakMap<IkePolicy, Memory>();
const KINDS = 8;

function remembered(policy: IkePolicy, crypto: Crypto): Memory {
  const m = memories.get(policy) ?? { list: suites(policy, crypto), last: [] };
  memories.set(policy, m);
  return m;
}
/** A group that needs no further message goes before the others, if everything else is as good. */
function choose({ list, last }: Memory, { sa, group, more }: Asked): Choice<Suite> | null {
  const known = last.find((k) => k.group === group && k.more === more && sameBytes(k.sa, sa));
  if (known) return known.choice;
  const rank = (s: Suite): number => (groupNumber(s.group) === group ? 0 : 1);
  const copy = sa.slice();
  const choice = chooseSuite(
    [...list].sort((a, b) => rank(a) - rank(b)),
    readSa(copy),
    more,
  );
  if (!choice) return null;
  last.unshift({ sa: copy, group, more, choice });
  last.length = Math.min(last.length, KINDS);
  return choice;
}
/** Null: there is no answer. Throws DecodeError. */
export function readFirst(policy: IkePolicy, crypto: Crypto, m: Message): FirstMessage | Refusal | null {
  const chain = readChain(m.header.next, m.body);
  const type = chain.critical;
  if (type !== null) {
    const text = `${m.path.remote.address} sends payload type ${type}, which we do not know, as critical`;
    return { why: failure("refused", text), notify: NOTIFY.unsupportedCriticalPayload, data: Uint8Array.of(type) };
  }
  const sa = one(chain, PAYLOAD.sa, "sa");
  const ke = readKePayload(chain);
  const ni = readNonce(chain);
  if (!ke) throw new DecodeError("bad-value", "ke missing", 0);
  const memory = remembered(policy, crypto);
  const more = hasNotify(chain, NOTIFY.intermediateSupported);
  const choice = choose(memory, { sa, group: ke.group, more });
  if (!choice) {
    const theirs = describeProposals(readSa(sa));
    const text = `no common IKEv2 proposal: we accept ${suiteNames(memory.list)}; the peer offers ${theirs}`;
    return { why: failure("no-proposal", text + adviceForIkev2(policy, theirs)), notify: NOTIFY.noProposalChosen };
  }
  const group = groupNumber(choice.ours.group);
  if (ke.group !== group) {
    const text = `${m.path.remote.address} sends a key exchange for group ${ke.group}`;
    return { why: failure("bad-key", text), notify: NOTIFY.invalidKePayload, data: Uint8Array.of(group >>> 8, group) };
  }
  return { choice, ke: ke.value, ni, chain };
}
/** An answer to a first message of which nothing is kept. */
export function clearAnswer(spis: Spis, payloads: readonly Payload[]): Uint8Array {
  const body = writeChain(payloads);
  const next = payloads[0]?.type ?? 0;
  const header = { ...spis, next, exchange: EXCHANGE.init, flags: FLAG.response, messageId: 0 };
  return concat([writeHeader(header, body.length), body]);
}
