// Maps and sets that most of their owners put nothing into, or one entry, where there are thousands of owners: a Map
// with one entry or none costs a session a quarter of a kilobyte on QuickJS.

const EMPTY: ReadonlyMap<never, never> = new Map<never, never>();

/** A Map with one entry, as far as such a Map is read here. */
class One<K, V> {
  readonly #key: K;
  readonly #value: V;
  constructor(key: K, value: V) {
    this.#key = key;
    this.#value = value;
  }
  get size(): number {
    return 1;
  }
  get(key: K): V | undefined {
    return this.has(key) ? this.#value : undefined;
  }
  has(key: K): boolean {
    return key === this.#key;
  }
  keys(): IterableIterator<K> {
    return [this.#key].values();
  }
  values(): IterableIterator<V> {
    return [this.#value].values();
  }
  [Symbol.iterator](): IterableIterator<[K, V]> {
    const entry: [K, V] = [this.#key, this.#value];
    return [entry].values();
  }
}

/**
 * As Map, which it makes with the second entry, and drops with the last. What comes while it is iterated may be left
 * out.
 */
export class LazyMap<K, V> {
  #all: One<K, V> | Map<K, V> | null = null;
  get size(): number {
    return this.#all?.size ?? 0;
  }
  get(key: K): V | undefined {
    return this.#all?.get(key);
  }
  has(key: K): boolean {
    return this.#all?.has(key) === true;
  }
  set(key: K, value: V): void {
    const all = this.#all;
    if (all instanceof Map) all.set(key, value);
    else if (!all || all.has(key)) this.#all = new One(key, value);
    else this.#all = new Map([...all, [key, value]]);
  }
  delete(key: K): boolean {
    const all = this.#all;
    if (!all?.has(key)) return false;
    if (all instanceof Map) all.delete(key);
    if (all instanceof One || all.size === 0) this.#all = null;
    return true;
  }
  clear(): void {
    this.#all = null;
  }
  keys(): IterableIterator<K> {
    return (this.#all ?? EMPTY).keys();
  }
  values(): IterableIterator<V> {
    return (this.#all ?? EMPTY).values();
  }
  [Symbol.iterator](): IterableIterator<[K, V]> {
    return (this.#all ?? EMPTY)[Symbol.iterator]();
  }
}
/** As Set, in the same way. */
export class LazySet<T> {
  #all: One<T, T> | Set<T> | null = null;
  get size(): number {
    return this.#all?.size ?? 0;
  }
  has(item: T): boolean {
    return this.#all?.has(item) === true;
  }
  add(item: T): void {
    const all = this.#all;
    if (all instanceof Set) all.add(item);
    else if (!all) this.#all = new One(item, item);
    else if (!all.has(item)) this.#all = new Set([...all.keys(), item]);
  }
  delete(item: T): boolean {
    const all = this.#all;
    if (!all?.has(item)) return false;
    if (all instanceof Set) all.delete(item);
    if (all instanceof One || all.size === 0) this.#all = null;
    return true;
  }
  clear(): void {
    this.#all = null;
  }
  [Symbol.iterator](): IterableIterator<T> {
    return (this.#all ?? EMPTY).keys();
  }
}
