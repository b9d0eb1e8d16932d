// A configuration profile for iOS and macOS: L2TP over IPsec, with a pre-shared key, or with a certificate that the
// profile brings along.
import type { Rng } from "../core/rng.ts";
import { hex, utf8 } from "../core/text.ts";
import { base64 } from "../x509/pem.ts";
import { xmlText } from "./quoting.ts";

interface Profile {
  readonly server: string;
  readonly user: string;
  /** "": the device asks for it. */
  readonly password: string;
  /** All traffic goes to the server. */
  readonly all: boolean;
  /** A certificate in base64; the device asks for the password of the p12 when the profile is installed. */
  readonly key: { readonly psk: string } | { readonly p12: string; readonly ca: string };
}

/** XML of a property list. */
export function mobileConfig(p: Profile, rng: Rng): string {
  const uuid = (): string => hex(rng.random(16)).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  const id = uuid();
  const common = (type: string, own: string, name: string): Plist => ({
    PayloadType: type,
    PayloadVersion: 1,
    PayloadIdentifier: `l2tpsec.${own}`,
    PayloadUUID: own,
    PayloadDisplayName: name,
  });
  const ipsec: Plist =
    "psk" in p.key
      ? { AuthenticationMethod: "SharedSecret", SharedSecret: { data: base64(utf8(p.key.psk)) } }
      : { AuthenticationMethod: "Certificate", PayloadCertificateUUID: id };
  const certificates: Plist[] =
    "psk" in p.key
      ? []
      : [
          { ...common("com.apple.security.root", uuid(), "CA"), PayloadContent: { data: p.key.ca } },
          { ...common("com.apple.security.pkcs12", id, p.user), PayloadContent: { data: p.key.p12 } },
        ];
  const profile: Plist = {
    ...common("Configuration", uuid(), `VPN ${p.server}`),
    PayloadContent: [
      ...certificates,
      {
        ...common("com.apple.vpn.managed", uuid(), p.server),
        UserDefinedName: p.server,
        VPNType: "L2TP",
        IPSec: ipsec,
        PPP: { CommRemoteAddress: p.server, AuthName: p.user, ...(p.password && { AuthPassword: p.password }) },
        IPv4: { OverridePrimary: p.all ? 1 : 0 },
      },
    ],
  };
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">${xml(profile)}</plist>
`;
}
type Plist = { readonly [key: string]: Value };
type Value = string | number | Plist | readonly Plist[];

function xml(v: Value): string {
  if (typeof v === "number") return `<integer>${v}</integer>`;
  if (typeof v === "string") return `<string>${xmlText(v)}</string>`;
  if (Array.isArray(v)) return `<array>${v.map(xml).join("")}</array>`;
  const entries = Object.entries(v as Plist);
  const [only] = entries;
  if (entries.length === 1 && only?.[0] === "data") return `<data>${String(only[1])}</data>`;
  return `<dict>${entries.map(([k, x]) => `<key>${k}</key>${xml(x)}`).join("\n")}</dict>`;
}
