// What a program that uses the bus gives and gets.
import type { ReadOptions, Table } from "./blobmsg.ts";
import type { Method } from "./method.ts";

/**
 * A connected UNIX stream. Chunks are valid during the call; send() takes over its data. Passed descriptors
 * (SCM_RIGHTS) are not received.
 */
export interface ByteStream {
  send(data: Uint8Array): void;
  close(): void;
  onData: (chunk: Uint8Array) => void;
  onClose: () => void;
}

export interface Clock {
  timer(name: string, fire: () => void): { arm(ms: number): void; disarm(): void };
}

export interface UbusOptions {
  connect(): Promise<ByteStream>;
  readonly clock: Clock;
  /** true: every object, listener and subscription is in place; false: the bus is gone and is tried again. */
  onState?(up: boolean): void;
  /** What a method, a listener or onState threw that is no UbusError: a mistake of theirs, which the bus survives. */
  onError?(error: unknown): void;
}

export interface CallOptions extends ReadOptions {
  /** Milliseconds until the call fails with TIMEOUT; ubusd says nothing when a provider dies. */
  readonly timeout?: number;
}

export interface Found {
  readonly path: string;
  readonly id: number;
  /** Per method its arguments' types. */
  readonly methods: { readonly [method: string]: { readonly [argument: string]: number } };
}

export interface ObjectSpec {
  readonly path: string;
  readonly methods: { readonly [name: string]: Method };
  /** The first subscriber came, or the last went. */
  onSubscribers?(any: boolean): void;
}

export interface Registered {
  /** Rejects with NOT_FOUND while the bus is away. With `ack`: each subscriber's status; resolves when all answered. */
  notify(method: string, data: Table, options?: { ack?: boolean; timeout?: number }): Promise<number[]>;
  remove(): Promise<void>;
}
