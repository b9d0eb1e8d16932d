// What an ISAKMP SA does for the exchanges of phase 2: it encrypts and authenticates them (RFC 2409 §5.5, §5.7).
import { DecodeError } from "../../core/errors.ts";
import { sameBytes } from "../../core/text.ts";
import { EXCHANGE, FLAG, writeMessage } from "../wire/header.ts";
import { type Chain, PAYLOAD, type Payload, payload, readChain, writeChain } from "../wire/payloads.ts";
import { type IkeKeys, type KeymatSeed, lastBlock } from "./keys.ts";

interface Sealed {
  readonly message: Uint8Array;
  /** Where the exchange's next message starts from. */
  readonly iv: Uint8Array;
}
export interface Opened {
  readonly chain: Chain;
  readonly iv: Uint8Array;
}
/** A message that begins with a HASH payload. */
interface HashedMessage {
  readonly messageId: number;
  readonly kind: "quick" | "informational";
  readonly iv: Uint8Array;
  /** What the hash covers before the payloads. */
  readonly prefix: readonly Uint8Array[];
  readonly payloads: readonly Payload[];
}
interface Cookies {
  readonly icookie: Uint8Array;
  readonly rcookie: Uint8Array;
}

export class Protection {
  readonly #cookies: Cookies;
  readonly #keys: IkeKeys;

  constructor(cookies: Cookies, keys: IkeKeys) {
    this.#cookies = cookies;
    this.#keys = keys;
  }
  /** Where an exchange's first message starts from. */
  firstIv(messageId: number): Uint8Array {
    return this.#keys.phase2Iv(messageId);
  }
  /** Where the one behind `message` starts from, in the same exchange. */
  ivBehind(message: Uint8Array): Uint8Array {
    return lastBlock(message, this.#keys.block);
  }
  hash(parts: readonly Uint8Array[]): Uint8Array {
    return this.#keys.hash(parts);
  }
  keymat(bytes: number, seed: KeymatSeed): Uint8Array {
    return this.#keys.keymat(bytes, seed);
  }
  /** Decrypts; `first`: the type of its first payload. Throws DecodeError. */
  open(iv: Uint8Array, first: number, cipherText: Uint8Array): Opened {
    const plain = this.#keys.decrypt(iv, cipherText);
    if (!plain) throw new DecodeError("bad-length", "ciphertext", 28);
    return { chain: readChain(first, plain, true), iv: lastBlock(cipherText, this.#keys.block) };
  }
  /** Whether the chain begins with the hash of `parts`. */
  authentic(c: Chain, parts: readonly Uint8Array[]): boolean {
    const first = c.payloads[0];
    return first?.type === PAYLOAD.hash && sameBytes(first.body, this.hash(parts));
  }
  sealHashed({ messageId, kind, iv, prefix, payloads }: HashedMessage): Sealed {
    const size = this.hash([]).length;
    const plain = writeChain([payload(PAYLOAD.hash, new Uint8Array(size)), ...payloads]);
    plain.set(this.hash([...prefix, plain.subarray(4 + size)]), 4);
    return this.#seal(messageId, EXCHANGE[kind], iv, PAYLOAD.hash, plain);
  }
  sealQuick(messageId: number, iv: Uint8Array, payloads: readonly Payload[]): Sealed {
    return this.#seal(messageId, EXCHANGE.quick, iv, payloads[0]?.type ?? 0, writeChain(payloads));
  }
  #seal(messageId: number, exchange: number, iv: Uint8Array, next: number, plain: Uint8Array): Sealed {
    const sealed = this.#keys.encrypt(iv, plain);
    const { icookie, rcookie } = this.#cookies;
    const message = writeMessage({ icookie, rcookie, next, exchange, flags: FLAG.encrypted, messageId }, sealed);
    return { message, iv: lastBlock(sealed, this.#keys.block) };
  }
}
