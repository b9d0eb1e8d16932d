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
export {
  type ByteStream,
  type CallOptions,
  type Clock,
  type Found,
  type ObjectSpec,
  type Registered,
  Ubus,
  type UbusOptions,
} from "./connection.ts";
export type { Method, Request } from "./method.ts";
export { STATUS, UbusError } from "./status.ts";
