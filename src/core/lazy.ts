// Maps and sets that most of their owners put nothing into, where there are thousands of owners: an empty Map costs a
// session a quarter of a kilobyte on QuickJS.

const EMPTY: ReadonlyMap<never, never> = new Map<never, never>();

/** As Map, which it makes with the first entry, and drops with the last. */
export class LazyMap<K, V> {
  #map: Map<K, V> | null = null;
  get #all(): ReadonlyMap<K, V> {
    return this.#map ?? EMPTY;
  }
  get size(): number {
    return this.#all.size;
  }
  get(key: K): V | undefined {
    return this.#map?.get(key);
  }
  has(key: K): boolean {
    return this.#map?.has(key) === true;
  }
  set(key: K, value: V): void {
    this.#map ??= new Map();
    this.#map.set(key, value);
  }
  delete(key: K): boolean {
    const was = this.#map?.delete(key) === true;
    if (this.#map?.size === 0) this.#map = null;
    return was;
  }
  clear(): void {
    this.#map = null;
  }
  keys(): IterableIterator<K> {
    return this.#all.keys();
  }
  values(): IterableIterator<V> {
    return this.#all.values();
  }
  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.#all[Symbol.iterator]();
  }
}
/** As Set, which it makes with the first item, and drops with the last. */
export class LazySet<T> {
  #set: Set<T> | null = null;
  get size(): number {
    return this.#set?.size ?? 0;
  }
  has(item: T): boolean {
    return this.#set?.has(item) === true;
  }
  add(item: T): void {
    this.#set ??= new Set();
    this.#set.add(item);
  }
  delete(item: T): boolean {
    const was = this.#set?.delete(item) === true;
    if (this.#set?.size === 0) this.#set = null;
    return was;
  }
  clear(): void {
    this.#set = null;
  }
  *[Symbol.iterator](): IterableIterator<T> {
    yield* this.#set ?? [];
  }
}
