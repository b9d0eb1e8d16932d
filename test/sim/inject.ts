// Throws at a chosen call of a seam: every method of what is wrapped, and of whatever its methods return, is a point of
// its own.
import type { EventHub } from "../../src/control/log.ts";
import type { Clock } from "../../src/core/clock.ts";
import type { Event } from "../../src/core/events.ts";
import type { Crypto, Host } from "../../src/ports/ports.ts";
import type { SerialHost } from "../../src/ports/serial.ts";

export type How = "throw" | "reject";
export interface Target {
  readonly point: string;
  /** 1: the first call. */
  readonly nth: number;
  readonly how: How;
}
/** Thrown by the injector alone; no SystemError, as a mistake in the program would not be one. */
export class Injected extends Error {}

/** ipsec, l2tp and net of a plane: objects with methods of their own. */
function isSeam(x: unknown): x is object {
  if (typeof x !== "object" || x === null) return false;
  const proto: unknown = Object.getPrototypeOf(x);
  return proto instanceof Object && /^None(Ipsec|L2tp|Net)$/.test(proto.constructor.name);
}

export class Injector {
  /** How often each point was passed. */
  readonly counts = new Map<string, number>();
  /** Points whose call gave a promise. */
  readonly promised = new Set<string>();
  readonly #target: Target | null;
  readonly #raw = new WeakMap<object, object>();
  /** When it was thrown. */
  onHit: () => void = () => {};
  hit = false;

  constructor(target: Target | null) {
    this.#target = target;
  }
  /** Passing `point`: throws, or says that the result is to be a rejection. */
  pass(point: string): boolean {
    const n = (this.counts.get(point) ?? 0) + 1;
    this.counts.set(point, n);
    const t = this.#target;
    if (t?.point !== point || t.nth !== n) return false;
    this.hit = true;
    this.onHit();
    if (t.how === "reject") return true;
    throw new Injected(`injected: call ${n} of ${point}`);
  }
  wrap<T extends object>(target: T, name: string): T {
    const methods = new Map<PropertyKey, unknown>();
    const proxy = new Proxy(target, {
      get: (t, key) => {
        const value: unknown = Reflect.get(t, key, t);
        if (isSeam(value)) {
          if (!methods.has(key)) methods.set(key, this.wrap(value, String(key)));
          return methods.get(key);
        }
        // Callbacks that a machine has set are its own; the plane calls them by itself.
        if (typeof value !== "function" || typeof key === "symbol" || /^on[A-Z]/.test(key)) return value;
        let m = methods.get(key);
        if (!m) {
          m = (...args: unknown[]): unknown =>
            this.#call(`${name}.${key}`, () =>
              Reflect.apply(
                value,
                t,
                args.map((a) => this.#unwrapped(a)),
              ),
            );
          methods.set(key, m);
        }
        return m;
      },
      set: (t, key, value) => Reflect.set(t, key, value, t),
    });
    this.#raw.set(proxy, target);
    return proxy;
  }
  /** A timer fires with a throw instead of what it is for. */
  clock(clock: Clock): Clock {
    return {
      now: () => clock.now(),
      timer: (name, fire, turns) =>
        clock.timer(
          name,
          () => {
            this.pass(`timer ${name.replace(/[0-9]+/g, "#")}`);
            fire();
          },
          turns,
        ),
    };
  }
  outside<T extends { readonly crypto: Crypto; readonly host: Host; readonly serial: SerialHost }>(o: T): T {
    return {
      ...o,
      crypto: this.wrap(o.crypto, "crypto"),
      host: this.wrap(o.host, "host"),
      serial: this.wrap(o.serial, "serial"),
    };
  }
  /** Telling of an event is a call like any other; what tells of the throw itself is left out. */
  hub(hub: EventHub): EventHub {
    const pass = (e: Event): void => void (e.kind !== "daemon.fault" && this.pass(`event ${e.kind}`));
    return new Proxy(hub, {
      get: (t, key) => {
        const value: unknown = Reflect.get(t, key, t);
        if (typeof value !== "function") return value;
        return (...args: unknown[]): unknown => {
          if (key === "emit") pass(args[0] as Event);
          return Reflect.apply(value, t, args);
        };
      },
      set: (t, key, value) => Reflect.set(t, key, value, t),
    });
  }
  #unwrapped(x: unknown): unknown {
    return typeof x === "object" && x !== null ? (this.#raw.get(x) ?? x) : x;
  }
  #call(point: string, f: () => unknown): unknown {
    if (this.pass(point)) return Promise.reject(new Injected(`injected: ${point} rejects`));
    const result = f();
    if (!(result instanceof Promise)) return this.#result(result, point);
    this.promised.add(point);
    return result.then((x: unknown) => this.#result(x, point));
  }
  #result(x: unknown, point: string): unknown {
    if (typeof x === "function")
      return (...args: unknown[]): unknown => this.#call(`${point}()`, () => Reflect.apply(x, undefined, args));
    if (typeof x !== "object" || x === null || Array.isArray(x) || ArrayBuffer.isView(x) || this.#raw.has(x)) return x;
    // An object with methods is a handle; one without is data.
    const methods = [...Object.values(x), ...Object.getOwnPropertyNames(Object.getPrototypeOf(x) ?? {})];
    const isHandle =
      Object.getPrototypeOf(x) === Object.prototype
        ? Object.values(x).some((v) => typeof v === "function")
        : methods.length > 1;
    return isHandle ? this.wrap(x, point) : x;
  }
}
