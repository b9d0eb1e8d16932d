/** ubus status codes, as ubusmsg.h numbers them. */
export const STATUS = {
  OK: 0,
  INVALID_COMMAND: 1,
  INVALID_ARGUMENT: 2,
  METHOD_NOT_FOUND: 3,
  NOT_FOUND: 4,
  NO_DATA: 5,
  PERMISSION_DENIED: 6,
  TIMEOUT: 7,
  NOT_SUPPORTED: 8,
  UNKNOWN_ERROR: 9,
  CONNECTION_FAILED: 10,
  NO_MEMORY: 11,
  PARSE_ERROR: 12,
  SYSTEM_ERROR: 13,
} as const;

const NAMES = Object.keys(STATUS);

/** A call that ended with a status other than OK, or never ended. */
export class UbusError extends Error {
  readonly status: number;

  constructor(status: number, what: string) {
    super(`${what}: ${(NAMES[status] ?? `status ${status}`).toLowerCase().replaceAll("_", " ")}`);
    this.name = "UbusError";
    this.status = status;
  }
}
