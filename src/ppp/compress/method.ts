// What a CCP method is to those who use it. A packet begins with its protocol number, of one byte where that is enough.

export interface Squeezer {
  /** Encryption: nothing ever goes as it is. */
  readonly always?: true;
  /**
   * The data field of the compressed frame, valid until the next call; null: it goes as it is, and is in the history
   * all the same.
   */
  compress(packet: Uint8Array): Uint8Array | null;
  reset(): void;
  close?(): void;
}
export interface Expander {
  /** What is out of step ends with a packet that says so itself: all of them are shown, with or without a Reset-Ack. */
  readonly findsItself?: boolean;
  /** Encryption: nothing may come as it is. */
  readonly always?: true;
  /**
   * Null: out of step, broken or too long; nothing that follows makes sense before a reset. Empty: to be dropped. Valid
   * until the next call.
   */
  decompress(data: Uint8Array): Uint8Array | null;
  /** What came as it is while compression is on, for the history. */
  incompressible(packet: Uint8Array): void;
  reset(): void;
  close?(): void;
}
