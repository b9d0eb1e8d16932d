// The VPN of a configuration profile for iOS and macOS (.mobileconfig), as a link of ours.
import { fromUtf8 } from "../core/text.ts";
import { PlistError, type PlistValue, readPlist } from "./plist.ts";
import type { Section } from "./section.ts";

type Dict = ReadonlyMap<string, PlistValue>;

function dict(v: PlistValue | undefined): Dict {
  return v instanceof Map ? v : new Map();
}
/** Of a text or of bytes; "" for anything else. */
function text(v: PlistValue | undefined): string {
  if (v instanceof Uint8Array) return fromUtf8(v);
  return typeof v === "string" ? v : "";
}
/** A name of netifd's that leaves room in the netdev's. */
function nameOf(title: string, taken: readonly string[]): string {
  const stem =
    title
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "")
      .slice(0, 8) || "vpn";
  for (let i = 1; ; i++) {
    const name = i === 1 ? stem : `${stem}${i}`;
    if (!taken.includes(name)) return name;
  }
}

function section(vpn: Dict, name: string): Section {
  const ppp = dict(vpn.get("PPP"));
  const ipsec = dict(vpn.get("IPSec"));
  const cert = text(ipsec.get("AuthenticationMethod")) === "Certificate";
  const group = text(ipsec.get("LocalIdentifier"));
  const all = ["1", true].some((x) => x === dict(vpn.get("IPv4")).get("OverridePrimary"));
  const values = {
    proto: "l2tpsec",
    server: text(ppp.get("CommRemoteAddress")),
    username: text(ppp.get("AuthName")),
    password: text(ppp.get("AuthPassword")),
    psk: cert ? "" : text(ipsec.get("SharedSecret")),
    // where `l2tpsec cert import FILE.p12 NAME` puts them
    ...(cert && Object.fromEntries(["cert", "key", "ca"].map((k) => [k, `/etc/l2tpsec/${name}${ENDS[k]}`]))),
    ...(group && { local_id: `keyid:${group}`, ike_mode: "aggressive" }),
    defaultroute: all ? "yes" : "no",
  };
  const given = Object.entries(values).filter(([, v]) => v !== "");
  return { type: "interface", name, line: 1, values: new Map(given.map(([k, v]) => [k, { text: v, line: 1 }])) };
}
const ENDS: Readonly<Record<string, string>> = { cert: ".pem", key: ".key", ca: "-ca.pem" };

/** Throws PlistError. */
export function profileSections(xml: string): Section[] {
  const content = dict(readPlist(xml)).get("PayloadContent");
  const out: Section[] = [];
  for (const p of Array.isArray(content) ? content.map(dict) : [])
    if (text(p.get("PayloadType")).startsWith("com.apple.vpn.managed") && text(p.get("VPNType")) === "L2TP")
      out.push(
        section(
          p,
          nameOf(
            text(p.get("UserDefinedName")),
            out.map((s) => s.name),
          ),
        ),
      );
  if (out.length === 0) throw new PlistError("it has no VPN of type L2TP");
  return out;
}
