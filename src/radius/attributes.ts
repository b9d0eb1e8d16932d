// RADIUS attributes (RFC 2865, 2866, 2869, 3162, 4818, 5176, 2548, and of two vendors) by their names: code and value.
// What is not here is stepped over.
import { formatIp, parseIp, parsePrefix } from "../core/addr.ts";
import { get32, Reader, u32 } from "../core/bytes.ts";
import { DecodeError } from "../core/errors.ts";
import { concat, fromUtf8, utf8 } from "../core/text.ts";

/** How a value is written. `read` throws DecodeError for one of another length. */
interface Kind<T> {
  read(b: Uint8Array): T;
  write(v: T): Uint8Array;
}
function exactly(b: Uint8Array, length: number): Uint8Array {
  if (b.length !== length) throw new DecodeError("bad-length", "attribute", b.length);
  return b;
}
function bytesOf(address: string): Uint8Array {
  const b = parseIp(address);
  if (!b) throw new RangeError(`not an address: ${address}`);
  return b;
}
const text: Kind<string> = { read: fromUtf8, write: utf8 };
/** Views, not copies. */
const bytes: Kind<Uint8Array> = { read: (b) => b, write: (b) => b };
const int: Kind<number> = { read: (b) => get32(exactly(b, 4), 0), write: u32 };
const ip4: Kind<string> = { read: (b) => formatIp(exactly(b, 4)), write: bytesOf };
const ip6: Kind<string> = { read: (b) => formatIp(exactly(b, 16)), write: bytesOf };
/** RFC 3162 §2.3: reserved, length, and as many bytes of the prefix as there are; bits behind it are dropped. */
const prefix6: Kind<string> = {
  read: (b) => {
    const r = new Reader(b);
    r.u8("reserved");
    const length = r.u8("prefix length");
    const given = r.rest();
    if (length > 128 || given.length > 16 || given.length * 8 < length)
      throw new DecodeError("bad-length", "prefix", 1);
    const p = parsePrefix(`${formatIp(concat([given, new Uint8Array(16 - given.length)]))}/${length}`);
    return p ? `${p.address}/${p.length}` : "";
  },
  write: (s) => {
    const [address = "", length = "128"] = s.split("/");
    return concat([Uint8Array.of(0, Number(length)), bytesOf(address)]);
  },
};

export interface Attribute<T> extends Kind<T> {
  /** The type; of a vendor's attribute 256 times the vendor more. */
  readonly code: number;
}
const of = <T>(code: number, kind: Kind<T>): Attribute<T> => ({ code, ...kind });
const VENDOR = { microsoft: 311, mikrotik: 14988, wispr: 14122 } as const;
const vendor = <T>(v: keyof typeof VENDOR, code: number, kind: Kind<T>): Attribute<T> =>
  of(VENDOR[v] * 256 + code, kind);

export const A = {
  "User-Name": of(1, text),
  "User-Password": of(2, bytes),
  "CHAP-Password": of(3, bytes),
  "NAS-IP-Address": of(4, ip4),
  "NAS-Port": of(5, int),
  "Service-Type": of(6, int),
  "Framed-Protocol": of(7, int),
  "Framed-IP-Address": of(8, ip4),
  "Filter-Id": of(11, text),
  "Framed-MTU": of(12, int),
  "Reply-Message": of(18, text),
  "Framed-Route": of(22, text),
  State: of(24, bytes),
  Class: of(25, bytes),
  "Vendor-Specific": of(26, bytes),
  "Session-Timeout": of(27, int),
  "Idle-Timeout": of(28, int),
  "Called-Station-Id": of(30, text),
  "Calling-Station-Id": of(31, text),
  "NAS-Identifier": of(32, text),
  "Proxy-State": of(33, bytes),
  "Acct-Status-Type": of(40, int),
  "Acct-Delay-Time": of(41, int),
  "Acct-Input-Octets": of(42, int),
  "Acct-Output-Octets": of(43, int),
  "Acct-Session-Id": of(44, text),
  "Acct-Authentic": of(45, int),
  "Acct-Session-Time": of(46, int),
  "Acct-Input-Packets": of(47, int),
  "Acct-Output-Packets": of(48, int),
  "Acct-Terminate-Cause": of(49, int),
  "Acct-Multi-Session-Id": of(50, text),
  "Acct-Link-Count": of(51, int),
  "Acct-Input-Gigawords": of(52, int),
  "Acct-Output-Gigawords": of(53, int),
  "Event-Timestamp": of(55, int),
  "CHAP-Challenge": of(60, bytes),
  "NAS-Port-Type": of(61, int),
  "Port-Limit": of(62, int),
  "Tunnel-Type": of(64, int),
  "Tunnel-Medium-Type": of(65, int),
  "Tunnel-Client-Endpoint": of(66, text),
  "Tunnel-Server-Endpoint": of(67, text),
  "EAP-Message": of(79, bytes),
  "Message-Authenticator": of(80, bytes),
  "Acct-Interim-Interval": of(85, int),
  "Framed-Pool": of(88, text),
  "NAS-IPv6-Address": of(95, ip6),
  "Framed-IPv6-Prefix": of(97, prefix6),
  "Error-Cause": of(101, int),
  "Delegated-IPv6-Prefix": of(123, prefix6),
  "MS-CHAP-Response": vendor("microsoft", 1, bytes),
  "MS-CHAP-Error": vendor("microsoft", 2, bytes),
  "MS-CHAP-CPW-2": vendor("microsoft", 4, bytes),
  "MS-CHAP-NT-Enc-PW": vendor("microsoft", 6, bytes),
  "MS-CHAP-Challenge": vendor("microsoft", 11, bytes),
  "MS-CHAP-MPPE-Keys": vendor("microsoft", 12, bytes),
  "MS-MPPE-Send-Key": vendor("microsoft", 16, bytes),
  "MS-MPPE-Recv-Key": vendor("microsoft", 17, bytes),
  "MS-CHAP2-Response": vendor("microsoft", 25, bytes),
  "MS-CHAP2-Success": vendor("microsoft", 26, bytes),
  "MS-CHAP2-CPW": vendor("microsoft", 27, bytes),
  "Mikrotik-Rate-Limit": vendor("mikrotik", 8, text),
  "WISPr-Bandwidth-Max-Up": vendor("wispr", 7, int),
  "WISPr-Bandwidth-Max-Down": vendor("wispr", 8, int),
} as const;
export type AttributeName = keyof typeof A;
type ValueOf<N extends AttributeName> = (typeof A)[N] extends Attribute<infer T> ? T : never;

/** The longest value of one attribute, in bytes. */
const LONGEST = 253;
const VENDOR_HEADER = 6; // vendor 4, type 1, length 1

/** Attributes of a packet in their order. Values are views of what was read. */
export class Attributes {
  readonly #all: { readonly code: number; readonly value: Uint8Array }[] = [];

  /** Throws DecodeError. Vendors' attributes that are not written as RFC 2865 §5.26 suggests are stepped over whole. */
  static read(r: Reader): Attributes {
    const out = new Attributes();
    while (r.left > 0) {
      const code = r.u8("type");
      const value = r.bytes(r.u8("length") - 2, "attribute");
      out.#all.push({ code, value });
      if (code === A["Vendor-Specific"].code) out.#all.push(...vendorsOwn(value));
    }
    return out;
  }
  add<N extends AttributeName>(name: N, ...values: readonly ValueOf<N>[]): this {
    const a: Attribute<ValueOf<N>> = A[name] as unknown as Attribute<ValueOf<N>>;
    for (const v of values) this.#all.push({ code: a.code, value: a.write(v) });
    return this;
  }
  /** As many attributes as it takes: EAP-Message (RFC 3579 §3.1). */
  addLong(name: "EAP-Message", value: Uint8Array): this {
    for (let at = 0; at < value.length; at += LONGEST) this.add(name, value.subarray(at, at + LONGEST));
    return this;
  }
  addAll(more: Attributes): this {
    this.#all.push(...more.#all);
    return this;
  }
  /** The first one of that name. Throws DecodeError when its value is not of that kind. */
  get<N extends AttributeName>(name: N): ValueOf<N> | null {
    const a = A[name];
    const found = this.#all.find((x) => x.code === a.code);
    return found ? (a.read(found.value) as ValueOf<N>) : null;
  }
  all<N extends AttributeName>(name: N): ValueOf<N>[] {
    const a = A[name];
    return this.#all.filter((x) => x.code === a.code).map((x) => a.read(x.value) as ValueOf<N>);
  }
  /** All values of that name as one, or null. */
  long(name: "EAP-Message"): Uint8Array | null {
    const parts = this.all(name);
    return parts.length === 0 ? null : concat(parts);
  }
  /** Whether it has an attribute that is none of these. Of vendors' only ours count. */
  others(names: readonly AttributeName[]): boolean {
    const known = new Set<number>(names.map((n) => A[n].code));
    return this.#all.some((x) => !known.has(x.code) && x.code !== A["Vendor-Specific"].code);
  }
  /** As they go on the wire; what is longer than an attribute can be is a mistake of ours. */
  write(): Uint8Array {
    return concat(
      this.#all.map(({ code, value }) => {
        const v =
          code < 256 ? value : concat([u32(Math.floor(code / 256)), Uint8Array.of(code, value.length + 2), value]);
        if (v.length > LONGEST) throw new RangeError(`attribute ${code} of ${v.length} bytes`);
        return concat([Uint8Array.of(code < 256 ? code : A["Vendor-Specific"].code, v.length + 2), v]);
      }),
    );
  }
}

function vendorsOwn(value: Uint8Array): { code: number; value: Uint8Array }[] {
  const out: { code: number; value: Uint8Array }[] = [];
  if (value.length < VENDOR_HEADER) return out;
  const id = get32(value, 0);
  if (!Object.values(VENDOR).some((v) => v === id)) return out;
  const r = new Reader(value, 4);
  while (r.left > 0) {
    const code = r.u8("vendor's type");
    out.push({ code: id * 256 + code, value: r.bytes(r.u8("vendor's length") - 2, "vendor's attribute") });
  }
  return out;
}
