// DHCPv6 written by hand, independently of the codec.
import { parseIp } from "../../src/core/addr.ts";
import { concat, unhex } from "../../src/core/text.ts";

export const h = (s: string): Uint8Array => unhex(s.replace(/\s/g, "")) ?? new Uint8Array(0);
export const address = (s: string): Uint8Array => parseIp(s) ?? new Uint8Array(16);
export const option = (code: number, ...body: readonly Uint8Array[]): Uint8Array => {
  const b = concat(body);
  return concat([Uint8Array.of(code >> 8, code, b.length >> 8, b.length), b]);
};
export const CLIENT = option(1, h("0003000102aabbccddee"));
export const OURS = h("0003001b02005efffe005301");
export const message = (type: number, ...options: readonly Uint8Array[]): Uint8Array =>
  concat([Uint8Array.of(type, 0xa1, 0xb2, 0xc3), ...options]);
export const iaPd = (iaid: number, ...prefixes: readonly string[]): Uint8Array =>
  option(25, Uint8Array.of(0, 0, 0, iaid), new Uint8Array(8), ...prefixes.map((p) => iaPrefix(p)));
export const iaPrefix = (prefix: string, preferred = 0, valid = 0): Uint8Array => {
  const [a = "", length] = prefix.split("/");
  return option(26, lifetime(preferred), lifetime(valid), Uint8Array.of(Number(length)), address(a));
};
export const iaNa = (iaid: number, ...addresses: readonly string[]): Uint8Array =>
  option(
    3,
    Uint8Array.of(0, 0, 0, iaid),
    new Uint8Array(8),
    ...addresses.map((a) => option(5, address(a), new Uint8Array(8))),
  );
export const lifetime = (n: number): Uint8Array => Uint8Array.of(n >>> 24, n >>> 16, n >>> 8, n);
export const status = (code: number): Uint8Array => option(13, Uint8Array.of(0, code));
