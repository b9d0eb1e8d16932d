// Debian's own freeradius in a namespace, with a configuration of its own, and radclient.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import type { Held } from "../x509/ca.ts";
import { type Ns, type Proc, run } from "./harness.ts";

export const RADIUS_NEEDS = ["freeradius", "radclient"] as const;
export const SECRET = "testing-4711-secret";

/**
 * INI-like text of freeradius: one thing a line. Debian 12's is older than CVE-2024-3596, and puts a
 * Message-Authenticator into its answers only when it is told to.
 */
/** RADIUS over TLS, from files in the server's own folder. */
const OVER_TLS = (dir: string, address: string): string => `  listen {
    type = auth+acct
    ipaddr = ${address}
    port = 2083
    proto = tcp
    clients = radsec
    tls {
      ca_file = ${dir}/ca.pem
      certificate_file = ${dir}/own.pem
      private_key_file = ${dir}/own.key
      require_client_cert = yes
      tls_min_version = "1.2"
      tls_max_version = "1.3"
    }
  }
`;
const RADSEC_CLIENTS = `thread pool {
}
clients radsec {
  client all {
    ipaddr = 0.0.0.0/0
    proto = tls
    secret = radsec
  }
}
`;

function conf(dir: string, address: string, tls: boolean, mschap: string): string {
  return `prefix = /usr
logdir = ${dir}
raddbdir = ${dir}
run_dir = ${dir}
db_dir = ${dir}
libdir = /usr/lib/freeradius
pidfile = ${dir}/pid
max_requests = 16384
log {
  destination = stdout
}
security {
  reject_delay = 0
  status_server = yes
}
modules {
  files {
    filename = ${dir}/users
  }
  pap {
  }
  chap {
  }
  mschap {
    use_mppe = yes
    ${mschap}
  }
  eap {
    default_eap_type = md5
    timer_expire = 60
    max_sessions = 4096
    md5 {
    }
    mschapv2 {
    }
  }
  detail {
    filename = ${dir}/detail
    header = "%t"
    permissions = 0600
  }
}
client all {
  ipaddr = 0.0.0.0/0
  secret = ${SECRET}
  require_message_authenticator = yes
}
${tls ? RADSEC_CLIENTS : ""}server default {
${tls ? OVER_TLS(dir, address) : ""}  listen {
    type = auth
    ipaddr = ${address}
    port = 1812
  }
  listen {
    type = acct
    ipaddr = ${address}
    port = 1813
  }
  authorize {
    chap
    mschap
    eap {
      ok = return
    }
    files
    pap
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
    Auth-Type CHAP {
      chap
    }
    Auth-Type MS-CHAP {
      mschap
    }
    eap
  }
  accounting {
    detail
  }
  post-auth {
    update reply {
      Message-Authenticator := 0x00
    }
    Post-Auth-Type REJECT {
      update reply {
        Message-Authenticator := 0x00
      }
    }
  }
}
`;
}

export class FreeRadius {
  readonly ns: Ns;
  readonly address: string;
  readonly #dir: string;
  #proc: Proc | null = null;
  #starts = 0;

  /** `users`: its file of that name; `tls`: its certificate, and the CA of its clients; `mschap`: of that module. */
  constructor(ns: Ns, address: string, users: string, tls: { own: Held; ca: Held } | null = null, mschap = "") {
    this.ns = ns;
    this.address = address;
    const name = `radius-${address.replaceAll(".", "-")}`;
    this.#dir = `${ns.lab.dir}/${name}`;
    mkdirSync(this.#dir, { recursive: true });
    ns.lab.write(`${name}/radiusd.conf`, conf(this.#dir, address, tls !== null, mschap));
    ns.lab.write(`${name}/dictionary`, "");
    ns.lab.write(`${name}/users`, users);
    if (!tls) return;
    ns.lab.write(`${name}/ca.pem`, tls.ca.pem);
    ns.lab.write(`${name}/own.pem`, tls.own.pem);
    ns.lab.write(`${name}/own.key`, Buffer.from(tls.own.key).toString());
  }
  async start(): Promise<void> {
    const args = ["netns", "exec", this.ns.name, "freeradius", "-f", "-l", "stdout", "-d", this.#dir];
    this.#proc = this.ns.lab.spawn(`freeradius-${this.address}-${++this.#starts}`, "ip", args);
    await this.#proc.line(/Ready to process requests/, 15_000);
  }
  get pid(): number {
    return this.#proc?.pid ?? 0;
  }
  get log(): string {
    return this.#proc?.output ?? "";
  }
  /** At once, as a power cut would. */
  async kill(): Promise<void> {
    await this.#proc?.stop("SIGKILL");
  }
  /** The accounting records so far: "Acct-Status-Type" and the like by name. */
  records(): Record<string, string>[] {
    const file = `${this.#dir}/detail`;
    if (!existsSync(file)) return [];
    const blocks = readFileSync(file, "utf8").split(/\n(?=\S)/);
    return blocks.map((b) =>
      Object.fromEntries([...b.matchAll(/^\t(\S+) = "?(.*?)"?$/gm)].map((m) => [m[1] as string, m[2] as string])),
    );
  }
}

/** radclient sends `attributes` to `to`; its output. */
export async function radclient(
  ns: Ns,
  to: string,
  kind: string,
  attributes: string,
  secret = SECRET,
): Promise<string> {
  ns.lab.write("radclient.txt", `${attributes}\n`);
  const args = ["netns", "exec", ns.name, "radclient", "-x", "-r", "1", "-t", "2", "-f", `${ns.lab.dir}/radclient.txt`];
  const r = await run("ip", [...args, to, kind, secret]);
  return r.stdout + r.stderr;
}
