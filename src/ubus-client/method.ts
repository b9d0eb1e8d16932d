// Methods of objects of ours: what they are called with.
import { type Field, fromFields, type Table, TYPE, type Type } from "./blobmsg.ts";
import { STATUS, UbusError } from "./status.ts";

/** One call of a method of ours; it may be answered at any time later. */
export interface Request {
  readonly method: string;
  /** Arguments that the policy names, with their types checked. */
  readonly args: Table;
  /** As ubusd vouches for the caller; empty when it does not say. */
  readonly user: string;
  readonly group: string;
  reply(data: Table | readonly Field[]): void;
  /** Ends the call. Later calls do nothing. */
  done(status?: number): void;
}

export interface Method {
  readonly args?: { readonly [name: string]: Type };
  readonly required?: readonly string[];
  /** Throws UbusError to end the call with its status; whatever else is thrown ends it with UNKNOWN_ERROR. */
  call(request: Request): void;
}

const INTEGER: readonly number[] = [TYPE.INT8, TYPE.INT16, TYPE.INT32, TYPE.INT64];

/**
 * Arguments that the policy does not name are left out, as libubus does: rpcd adds its session to every call. A
 * narrower integer passes for a wider one, since the ubus tool sends what fits.
 */
export function checked(m: Method, fields: readonly Field[]): Table {
  const policy = m.args ?? {};
  const kept = fields.filter((f) => Object.hasOwn(policy, f.name));
  for (const f of kept) {
    const want = policy[f.name];
    const widened =
      want !== undefined && INTEGER.includes(want) && want !== TYPE.INT8 && INTEGER.includes(f.type) && f.type >= want;
    if (want !== TYPE.UNSPEC && want !== f.type && !widened) throw new UbusError(STATUS.INVALID_ARGUMENT, f.name);
  }
  for (const r of m.required ?? [])
    if (!kept.some((f) => f.name === r)) throw new UbusError(STATUS.INVALID_ARGUMENT, r);
  return fromFields(kept);
}
