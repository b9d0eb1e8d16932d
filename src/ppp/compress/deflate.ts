// PPP Deflate (RFC 1979): zlib's stream, numbered packet by packet.
import { get16 } from "../../core/bytes.ts";
import type { Zlib } from "../../ports/ports.ts";
import type { Expander, Squeezer } from "./method.ts";

type Stream<K extends keyof Zlib> = NonNullable<ReturnType<Zlib[K]>>;

export class DeflateCompressor implements Squeezer {
  readonly #z: Stream<"deflater">;
  #seq = 0;
  #into = new Uint8Array(2048);
  constructor(z: Stream<"deflater">) {
    this.#z = z;
  }
  compress(packet: Uint8Array): Uint8Array | null {
    if (this.#into.length < packet.length + 2) this.#into = new Uint8Array(packet.length + 2);
    const seq = this.#seq;
    this.#seq = (seq + 1) & 0xffff; // also of what goes as it is
    const n = this.#z.deflate(packet, this.#into.subarray(2));
    if (n < 0 || n + 2 >= packet.length) return null;
    this.#into[0] = seq >>> 8;
    this.#into[1] = seq;
    return this.#into.subarray(0, n + 2);
  }
  reset(): void {
    this.#z.reset();
    this.#seq = 0;
  }
  close(): void {
    this.#z.close();
  }
}

export class DeflateDecompressor implements Expander {
  readonly #z: Stream<"inflater">;
  readonly #into: Uint8Array;
  #seq = 0;
  constructor(z: Stream<"inflater">, limit: number) {
    this.#z = z;
    this.#into = new Uint8Array(limit + 1); // zlib must have room left to show that it is done
  }
  decompress(data: Uint8Array): Uint8Array | null {
    if (data.length < 3 || get16(data, 0) !== this.#seq) return null;
    this.#seq = (this.#seq + 1) & 0xffff;
    const n = this.#z.inflate(data.subarray(2), this.#into);
    return n < 0 ? null : this.#into.subarray(0, n);
  }
  incompressible(packet: Uint8Array): void {
    this.#seq = (this.#seq + 1) & 0xffff;
    this.#z.take(packet); // when that fails, so does what follows
  }
  reset(): void {
    this.#z.reset();
    this.#seq = 0;
  }
  close(): void {
    this.#z.close();
  }
}
