// node:assert/strict for the engine of the router: the parts that the unit tests use, with Node's meaning.

export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

function whole(x: unknown): string {
  if (typeof x === "bigint") return `${x}n`;
  if (x instanceof Uint8Array) return `bytes [${[...x].join(" ")}]`;
  if (x instanceof Error) return `${x.name}: ${x.message}`;
  if (typeof x === "object" && x !== null)
    return JSON.stringify(x, (_, v: unknown) => (typeof v === "bigint" ? `${v}n` : v));
  return typeof x === "string" ? JSON.stringify(x) : String(x);
}
function show(x: unknown): string {
  const text = whole(x);
  return text.length > 800 ? `${text.slice(0, 800)}...` : text;
}
function refuse(message: string | Error | undefined, text: string): never {
  if (message instanceof Error) throw message;
  throw new AssertionError(message === undefined ? text : `${message}: ${text}`);
}

function keys(x: object): (string | symbol)[] {
  return Reflect.ownKeys(x).filter((k) => Object.prototype.propertyIsEnumerable.call(x, k));
}

function same(a: unknown, b: unknown, seen: Map<object, object>): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (seen.get(a) === b) return true;
  seen.set(a, b);
  if (ArrayBuffer.isView(a) && ArrayBuffer.isView(b)) {
    const x = new Uint8Array(a.buffer, a.byteOffset, a.byteLength);
    const y = new Uint8Array(b.buffer, b.byteOffset, b.byteLength);
    return x.length === y.length && x.every((v, i) => v === y[i]);
  }
  if (a instanceof Error && b instanceof Error && (a.message !== b.message || a.name !== b.name)) return false;
  if (a instanceof RegExp && String(a) !== String(b)) return false;
  if (a instanceof Date && b instanceof Date && a.getTime() !== b.getTime()) return false;
  if (a instanceof Set && b instanceof Set) {
    if (a.size !== b.size) return false;
    return [...a].every((x) => b.has(x) || [...b].some((y) => same(x, y, seen)));
  }
  if (a instanceof Map && b instanceof Map) {
    if (a.size !== b.size) return false;
    for (const [k, v] of a) {
      const other: unknown = b.has(k) ? k : [...b.keys()].find((y) => same(k, y, seen));
      if (!b.has(other) || !same(v, b.get(other), seen)) return false;
    }
    return true;
  }
  if (Array.isArray(a) && Array.isArray(b) && a.length !== b.length) return false;
  const ka = keys(a);
  const at = (o: object, k: string | symbol): unknown => (o as Record<string | symbol, unknown>)[k];
  return (
    ka.length === keys(b).length &&
    ka.every((k) => Object.prototype.propertyIsEnumerable.call(b, k) && same(at(a, k), at(b, k), seen))
  );
}

type Expected = RegExp | (abstract new (...a: never[]) => unknown) | ((e: unknown) => boolean) | object;

function fits(e: unknown, expected: Expected | undefined): void {
  if (expected === undefined) return;
  if (expected instanceof RegExp) {
    if (!expected.test(String(e))) throw new AssertionError(`${show(e)} does not match ${String(expected)}`);
  } else if (typeof expected === "function") {
    if (expected === Error || expected.prototype instanceof Error) {
      if (!(e instanceof (expected as new () => unknown)))
        throw new AssertionError(`${show(e)} is no ${expected.name}`);
    } else if ((expected as (e: unknown) => boolean)(e) !== true)
      throw new AssertionError(`${show(e)} is not what the test wants`);
  } else {
    for (const [k, want] of Object.entries(expected)) {
      const got: unknown = (e as Record<string, unknown>)[k];
      if (want instanceof RegExp && typeof got === "string" ? !want.test(got) : !same(got, want, new Map())) {
        throw new AssertionError(`${k} is ${show(got)}, expected ${show(want)}`);
      }
    }
  }
}

function assert(x: unknown, message?: string | Error): asserts x {
  if (!x) refuse(message, `${show(x)} is not true`);
}
assert.ok = (x: unknown, message?: string | Error): void => {
  if (!x) refuse(message, `${show(x)} is not true`);
};
assert.equal = (a: unknown, b: unknown, message?: string | Error): void => {
  if (!Object.is(a, b)) refuse(message, `${show(a)} is not ${show(b)}`);
};
assert.notEqual = (a: unknown, b: unknown, message?: string | Error): void => {
  if (Object.is(a, b)) refuse(message, `${show(a)} is the same`);
};
assert.deepEqual = (a: unknown, b: unknown, message?: string | Error): void => {
  if (!same(a, b, new Map())) refuse(message, `${show(a)} is not like ${show(b)}`);
};
assert.notDeepEqual = (a: unknown, b: unknown, message?: string | Error): void => {
  if (same(a, b, new Map())) refuse(message, `${show(a)} is the same`);
};
assert.match = (text: string, re: RegExp, message?: string | Error): void => {
  if (!re.test(text)) refuse(message, `${show(text)} does not match ${String(re)}`);
};
assert.doesNotMatch = (text: string, re: RegExp, message?: string | Error): void => {
  if (re.test(text)) refuse(message, `${show(text)} matches ${String(re)}`);
};
assert.fail = (message?: string | Error): never => refuse(message, "failed");
assert.throws = (f: () => unknown, expected?: Expected, message?: string): void => {
  try {
    f();
  } catch (e) {
    return fits(e, expected);
  }
  refuse(message, "nothing was thrown");
};
assert.doesNotThrow = (f: () => unknown): void => void f();
assert.rejects = async (p: Promise<unknown> | (() => Promise<unknown>), expected?: Expected): Promise<void> => {
  try {
    await (typeof p === "function" ? p() : p);
  } catch (e) {
    return fits(e, expected);
  }
  throw new AssertionError("nothing was rejected");
};
export default assert;
