// strongSwan's charon as an IKE peer for L2TP: its configuration, and the shell that starts it. On this host it runs
// in namespaces of its own, in a guest as the system's.
export const CHARON_BIN = "/usr/lib/ipsec/charon";

export interface CharonOptions {
  readonly ike: string;
  readonly esp: string;
  readonly psk: string;
  /** 1 by default. */
  readonly version?: 1 | 2;
  /** Post-quantum preshared key: its name and itself. */
  readonly ppk?: readonly [id: string, secret: string];
  /** With certificates: its own, a file in the folder x509 beside the configuration, and its identity. */
  readonly cert?: { readonly file: string; readonly id: string };
  readonly local?: string;
  /** Without, anybody. */
  readonly remote?: string;
  /** What it asks of the peer's UDP port; any without. */
  readonly remotePort?: number;
  readonly forceUdp?: boolean;
  readonly aggressive?: boolean;
  readonly dpdSeconds?: number;
  /** Seconds after which it rekeys the two phases by itself. */
  readonly ikeRekey?: number;
  readonly espRekey?: number;
}

/** One connection "l2tp" in transport mode for UDP 1701. swanctl wants each closing brace on its own line. */
export function swanctlConf(o: CharonOptions): string {
  const ikeTimes =
    o.ikeRekey === undefined
      ? ""
      : `reauth_time = 0\n    rekey_time = ${o.ikeRekey}s\n    over_time = 60s\n    rand_time = 0s`;
  const espTimes =
    o.espRekey === undefined
      ? ""
      : `rekey_time = ${o.espRekey}s\n        life_time = ${o.espRekey + 60}s\n        rand_time = 0s`;
  return `connections {
  l2tp {
    version = ${o.version ?? 1}
    fragmentation = yes
    ${o.ppk ? `ppk_id = ${o.ppk[0]}\n    ppk_required = yes` : ""}
    aggressive = ${o.aggressive === true ? "yes" : "no"}
    proposals = ${o.ike}
    ${o.local === undefined ? "" : `local_addrs = ${o.local}`}
    ${o.remote === undefined ? "" : `remote_addrs = ${o.remote}`}
    encap = ${o.forceUdp === true ? "yes" : "no"}
    dpd_delay = ${o.dpdSeconds ?? 0}s
    ${ikeTimes}
    local {
      ${o.cert ? `auth = pubkey\n      certs = ${o.cert.file}\n      id = ${o.cert.id}` : "auth = psk"}
    }
    remote {
      auth = ${o.cert ? "pubkey" : "psk"}
      ${o.cert ? "revocation = ifuri" : ""}
    }
    children {
      l2tp {
        mode = transport
        local_ts = dynamic[udp/1701]
        remote_ts = dynamic[udp${o.remotePort === undefined ? "" : `/${o.remotePort}`}]
        esp_proposals = ${o.esp}
        ${espTimes}
      }
    }
  }
}
secrets {
${o.ppk ? `  ppk-rig {\n    id = ${o.ppk[0]}\n    secret = "${o.ppk[1]}"\n  }` : ""}
  ike-any {
    secret = "${o.psk}"
  }
}
`;
}

/** Of strongswan.conf: `more` are further lines of its charon section. */
export function charonConf(log: string, more = ""): string {
  return `charon {
  retransmit_tries = 3
  ${more}
  filelog {
    rig {
      path = ${log}
      time_format = %H:%M:%S
      flush_line = yes
      default = 1
    }
  }
}
`;
}

/** Shell: starts charon in the background and waits until it has loaded `file`. */
export function startCharon(file: string): string {
  return `${CHARON_BIN} >/dev/null 2>&1 &
i=0
until swanctl --load-all --file ${file} >/run/load.log 2>&1; do
  i=$((i + 1))
  [ $i -lt 100 ] || { cat /run/load.log; exit 1; }
  sleep 0.1
done
`;
}
