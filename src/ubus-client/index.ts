export type { ByteStream, CallOptions, Clock, Found, ObjectSpec, Registered, UbusOptions } from "./api.ts";
export {
  type Field,
  fromField,
  fromFields,
  type ReadOptions,
  readFields,
  type Table,
  TYPE,
  type Type,
  toField,
  toFields,
  type Value,
  writeFields,
} from "./blobmsg.ts";
export { Ubus } from "./connection.ts";
export type { Method, Request } from "./method.ts";
export { STATUS, UbusError } from "./status.ts";
