// What runs inside a guest: shell scripts that set up strongSwan, xl2tpd and pppd. Only ever for a guest, never for the
// machine itself. The user is alice/wonderland, the pre-shared key s3cret. Logs land in /rig, which the host sees.
import { charonConf, startCharon, swanctlConf } from "./charon.ts";

export const USER = "alice";
export const PASSWORD = "wonderland";
export const PSK = "s3cret";

export interface IpsecOptions {
  /** The peer's address: the guest initiates. Without, it waits. */
  readonly peer?: string;
  readonly ike?: string;
  readonly esp?: string;
  readonly forceUdp?: boolean;
  readonly psk?: string;
  readonly version?: 1 | 2;
  readonly ppk?: readonly [id: string, secret: string];
  /** PEM texts, in place of the key: its own chain and key, the CA of both; its identity, a name in its certificate. */
  readonly cert?: { readonly chain: string; readonly key: string; readonly ca: string; readonly id: string };
  readonly crl?: string;
  /** Longest IKE message that charon sends whole. */
  readonly fragmentBytes?: number;
  /** Seconds after which the guest rekeys the two phases by itself. */
  readonly ikeRekey?: number;
  readonly espRekey?: number;
}

/** These scripts overwrite system files: they refuse to run anywhere but in a guest. */
const ONLY_IN_A_GUEST = '[ "$(hostname)" = guest ] && [ -d /rig ] || exit 99\n';

/** strongSwan with one PSK connection in transport mode for UDP 1701. */
export function ipsec({ cert, crl, ...o }: IpsecOptions = {}): string {
  const conf = swanctlConf({
    ...o,
    ...(cert ? { cert: { file: "own.pem", id: cert.id } } : {}),
    ike: o.ike ?? "aes256-sha256-modp2048,aes128-sha1-modp2048",
    esp: o.esp ?? "aes256-sha256,aes128-sha1",
    psk: o.psk ?? PSK,
    ...(o.peer === undefined ? {} : { remote: o.peer, remotePort: 1701 }),
  });
  // beside the configuration; swanctl reads one certificate of a file: those of the CAs between come from their folder
  const [own = "", ...between] = cert?.chain.split(/(?=-----BEGIN)/) ?? [];
  const files = cert && {
    "x509/own.pem": own,
    ...Object.fromEntries(between.map((pem, i) => [`x509ca/between${i}.pem`, pem])),
    "private/own.pem": cert.key,
    "x509ca/ca.pem": cert.ca,
    ...(crl === undefined ? {} : { "x509crl/crl.pem": crl }),
  };
  return `${ONLY_IN_A_GUEST}
cd /etc/swanctl/conf.d && mkdir -p x509 x509ca x509crl private
${Object.entries(files ?? {})
  .map(([name, pem]) => `cat >/etc/swanctl/conf.d/${name} <<END\n${pem.trim()}\nEND`)
  .join("\n")}
cat >/etc/swanctl/conf.d/l2tp.conf <<END
${conf}END
cat >/etc/strongswan.d/rig.conf <<END
${charonConf("/rig/charon.log", o.fragmentBytes ? `fragment_size = ${o.fragmentBytes}` : "")}END
${startCharon("/etc/swanctl/conf.d/l2tp.conf")}
${o.peer === undefined ? "" : "timeout 30 swanctl --initiate --child l2tp"}
`;
}

const pppd = (mtu: number, ccp: string): string => `refuse-eap
ipcp-accept-local
ipcp-accept-remote
${ccp}
mtu ${mtu}
mru ${mtu}
nodefaultroute
debug
logfile /rig/pppd.log`;
const SECRETS = `echo '${USER} * ${PASSWORD} *' | tee /etc/ppp/chap-secrets >/etc/ppp/pap-secrets
: >/rig/pppd.log`;
const START = `xl2tpd -D -C /run/xl2tpd/c >/rig/xl2tpd.log 2>&1 &
i=0
until [ -p /run/xl2tpd/c ]; do
  i=$((i + 1))
  [ $i -lt 50 ] || exit 1
  sleep 0.1
done`;

/**
 * xl2tpd and pppd as LNS: 10.99.0.1, clients from 10.99.0.10. `more`: options of pppd; `ccp`: those for compression.
 */
export function lns(auth: "pap" | "chap" | "mschap-v2", mtu = 1400, more = "", ccp = "noccp"): string {
  return `${ONLY_IN_A_GUEST}
cat >/etc/xl2tpd/xl2tpd.conf <<END
[global]
port = 1701
[lns default]
ip range = 10.99.0.10-10.99.0.99
local ip = 10.99.0.1
require authentication = yes
name = lns
length bit = yes
pppoptfile = /etc/ppp/options.rig
END
cat >/etc/ppp/options.rig <<END
require-${auth}
${pppd(mtu, ccp)}
ms-dns 10.99.0.1
lcp-echo-interval 10
lcp-echo-failure 3
${more}
END
${SECRETS}
${START}
`;
}

/** xl2tpd and pppd as LAC; ends when ppp0 has an address, and prints it. */
export function lac(peer: string, mtu = 1400, ccp = "noccp"): string {
  return `${ONLY_IN_A_GUEST}
cat >/etc/xl2tpd/xl2tpd.conf <<END
[global]
port = 1701
[lac rig]
lns = ${peer}
require authentication = no
length bit = yes
pppoptfile = /etc/ppp/options.rig
END
cat >/etc/ppp/options.rig <<END
name ${USER}
noauth
usepeerdns
${pppd(mtu, ccp)}
END
${SECRETS}
${START}
echo 'c rig' >/run/xl2tpd/c
i=0
until ip -4 -o addr show ppp0 2>/dev/null | grep inet; do
  i=$((i + 1))
  [ $i -lt 75 ] || { echo "no ppp0"; exit 1; }
  sleep 0.2
done
`;
}
