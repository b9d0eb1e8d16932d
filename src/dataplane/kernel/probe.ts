// Whether this kernel can carry our packets. Each part is tried, which also loads its module where the kernel may do
// so, whenever a link asks: modules are installed and removed. What is known of ESP transforms is kept.
import type { Native } from "node-tuntap2";
import { type Rng, random32 } from "../../core/rng.ts";
import { KERNEL_SPIS } from "../../esp/spis.ts";
import { CIPHERS, INTEGS } from "../../esp/transforms.ts";
import { errnoOf } from "../../linux/errno.ts";
import { BoundCalls } from "../../linux/nft-calls.ts";
import { XFRM } from "../../linux/uapi.ts";
import { Xfrm } from "../../linux/xfrm.ts";
import type { EspCipher, EspInteg } from "../dataplane.ts";
import { transformOf } from "./algorithms.ts";
import { MARK_MASK } from "./ipsec.ts";
import { reqidOf } from "./policies.ts";

const OS_RELEASE = "/proc/sys/kernel/osrelease";
const LOOPBACK = "127.0.0.1";
const ROOT = "the daemon needs to be root, or to have CAP_NET_ADMIN";
/** What says by which command a router installs packages. */
const INSTALLERS: readonly (readonly [file: string, command: string])[] = [
  ["/etc/apk/world", "apk add"],
  ["/etc/opkg.conf", "opkg install"],
];

interface ProbeDeps {
  readonly native: Native;
  readonly rng: Rng;
  readonly readFile: (path: string) => string;
}

/** Linux 6.11 finds L2TP calls by their ids alone ("l2tp: store l2tpv2 sessions in per-net IDR"). */
export function findsCallsByIdAlone(release: string): boolean {
  const [, major = "0", minor = "0"] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  return Number(major) > 6 || (Number(major) === 6 && Number(minor) >= 11);
}

/** How `module` comes onto this machine: by its package on OpenWrt, elsewhere by its name. */
function missing(deps: ProbeDeps, module: string, kmod: string): string {
  const remedy = INSTALLERS.find(([file]) => readable(deps, file));
  return `module ${module} is missing: ${remedy ? `${remedy[1]} ${kmod}` : `modprobe ${module}`}`;
}
function readable(deps: ProbeDeps, path: string): boolean {
  try {
    deps.readFile(path);
    return true;
  } catch {
    return false;
  }
}
/** The errno that `f` fails with, "": it does not. */
function errnoFrom(f: () => void): string {
  try {
    f();
    return "";
  } catch (e) {
    return errnoOf(e);
  }
}

type Check = (deps: ProbeDeps) => string | null;

/** What keeps one peer out of another's call, where the kernel would not. */
function nftables(deps: ProbeDeps): string | null {
  if (!findsCallsByIdAlone(deps.readFile(OS_RELEASE).trim())) return null;
  const errno = errnoFrom(() => new BoundCalls(deps.native, MARK_MASK).close());
  // Who may change IPsec may change nftables: EPERM says that a daemon that runs has the table.
  return errno === "" || errno === "EPERM" ? null : missing(deps, "nf_tables", "kmod-nft-core");
}
function xfrm(deps: ProbeDeps): string | null {
  const { native } = deps;
  const errno = errnoFrom(() => native.close(native.netlinkOpen(XFRM.NETLINK_XFRM, 0)));
  return errno === "" ? null : missing(deps, "xfrm_user", "kmod-ipsec");
}
function esp(deps: ProbeDeps): string | null {
  const errno = trial(deps, "aes128", "sha1");
  if (errno === "EPERM") return ROOT;
  return errno === "EPROTONOSUPPORT" ? missing(deps, "esp4", "kmod-ipsec4") : null;
}
function l2tp(deps: ProbeDeps): string | null {
  const { native } = deps;
  // A tunnel on no socket: what can be had of it is the error.
  const errno = errnoFrom(() => native.close(native.l2tpTunnel(-1, Uint8Array.of(127, 0, 0, 1), 1701, 1, 1)));
  if (errno === "EAFNOSUPPORT") return missing(deps, "pppox", "kmod-pppox kmod-pppol2tp");
  return errno === "EPROTONOSUPPORT" ? missing(deps, "l2tp_ppp", "kmod-pppol2tp") : null;
}
function ppp(deps: ProbeDeps): string | null {
  const { native } = deps;
  const errno = errnoFrom(() => native.close(native.pppOpen()));
  if (errno === "EPERM" || errno === "EACCES") return ROOT;
  return errno === "" ? null : missing(deps, "ppp_generic", "kmod-ppp");
}
const CHECKS: readonly Check[] = [xfrm, esp, l2tp, ppp];

/** Installs an SA to ourselves and removes it: the errno of that. It is under a reqid of ours, in case we die here. */
function trial(deps: ProbeDeps, cipher: EspCipher, integ: EspInteg): string {
  const { key, salt } = CIPHERS[cipher];
  const integKey = integ === "none" ? 0 : INTEGS[integ].key;
  const keys = { encr: deps.rng.random(key + salt), integ: deps.rng.random(integKey) };
  const spi = (random32(deps.rng) | KERNEL_SPIS) >>> 0;
  return errnoFrom(() => {
    const x = new Xfrm(deps.native);
    try {
      x.addSa({
        ...{ spi, reqid: reqidOf(0), transform: transformOf(cipher, integ, keys), source: LOOPBACK },
        ...{ destination: LOOPBACK, encap: null, sourcePort: 0, destinationPort: 0, window: 0, mark: null },
        ...{ hardBytes: 0, hardPackets: 0 },
      });
      x.deleteSa(LOOPBACK, spi);
    } finally {
      x.close();
    }
  });
}

/** What this machine's kernel can do, tried when it is asked. */
export class KernelProbe {
  readonly #deps: ProbeDeps;
  readonly #transforms = new Map<string, boolean>();
  #bound = false;

  constructor(deps: ProbeDeps) {
    this.#deps = deps;
  }
  /** Why the kernel cannot carry packets, one sentence with what to do; null: it can. Modules come and go. */
  why(): string | null {
    for (const check of CHECKS) {
      const why = check(this.#deps);
      if (why !== null) return why;
    }
    const why = this.#bound ? null : nftables(this.#deps); // not again: the plane has the table
    this.#bound = why === null;
    return why;
  }
  /** Whether it has this ESP transform. */
  has(cipher: EspCipher, integ: EspInteg): boolean {
    const name = `${cipher} ${integ}`;
    let known = this.#transforms.get(name);
    if (known === undefined) {
      known = trial(this.#deps, cipher, integ) === "";
      this.#transforms.set(name, known);
    }
    return known;
  }
}
