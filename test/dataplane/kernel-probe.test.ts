// What the kernel lacks, in one sentence with its remedy: with a library whose calls fail as that kernel's would.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Native } from "node-tuntap2";
import { SystemError } from "../../src/core/errors.ts";
import { KernelProbe } from "../../src/dataplane/kernel/probe.ts";
import { decodeMessages } from "../../src/linux/netlink.ts";
import { NFT } from "../../src/linux/uapi.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { loadNative } from "../../src/runtime/node/native.ts";

const real = loadNative();
const NLMSG_ERROR = 2;

interface Kernel {
  readonly release?: string;
  /** Errnos by the name of the call. */
  readonly fails?: Readonly<Record<string, string>>;
  /** Errno of an SA with this algorithm's name in it. */
  readonly sa?: (algorithms: string) => string;
  readonly files?: Readonly<Record<string, string>>;
}
/** A library on such a kernel, and how often each call was made. */
function on(k: Kernel): { probe: KernelProbe; calls: Map<string, number> } {
  const calls = new Map<string, number>();
  const open = (name: string) => (): number => {
    calls.set(name, (calls.get(name) ?? 0) + 1);
    const errno = k.fails?.[name];
    if (errno !== undefined) throw new SystemError(errno, name);
    return 7;
  };
  let answer: Uint8Array | null = null;
  const native: Native = {
    ...real,
    netlinkOpen: (protocol) => open(protocol === NFT.NETLINK_NETFILTER ? "nftables" : "netlink")(),
    l2tpTunnel: open("l2tp"),
    pppOpen: open("ppp"),
    close: () => {},
    setsockopt: () => {},
    send: (_, data) => {
      const names = String.fromCharCode(...data).replace(/[^a-z0-9()]+/g, " ");
      const errno = real.constants[k.sa?.(names) ?? ""] ?? 0;
      answer = new Uint8Array(36);
      const view = new DataView(answer.buffer);
      view.setUint32(0, 36, true);
      view.setUint16(4, NLMSG_ERROR, true);
      const all = decodeMessages(data);
      view.setUint32(8, (all.at(-2) ?? all[0])?.seq ?? 0, true); // of a batch, the last but its end
      view.setInt32(16, -errno, true);
      return data.length;
    },
    recv: (_, into) => {
      const a = answer;
      answer = null;
      if (a === null) return -1;
      into.set(a);
      return a.length;
    },
  };
  const files: Readonly<Record<string, string>> = {
    "/proc/sys/kernel/osrelease": `${k.release ?? "6.6.73"}\n`,
    ...k.files,
  };
  const readFile = (path: string): string => {
    const text = files[path];
    if (text === undefined) throw new SystemError("ENOENT", path);
    return text;
  };
  return { probe: new KernelProbe({ native, rng: nodeCrypto, readFile }), calls };
}
const why = (k: Kernel): string | null => on(k).probe.why();
const OPKG = { "/etc/opkg.conf": "" };

test("a kernel with everything can carry packets; what binds calls to their peers is tried once", () => {
  const { probe, calls } = on({ release: "6.12.30" });
  assert.deepEqual([probe.why(), probe.why()], [null, null]);
  assert.deepEqual([calls.get("l2tp"), calls.get("ppp"), calls.get("nftables")], [2, 2, 1]);
});

test("a module that comes or goes is noticed without a restart", () => {
  const fails: Record<string, string> = { l2tp: "EPROTONOSUPPORT" };
  const { probe } = on({ fails });
  assert.match(probe.why() ?? "", /^module l2tp_ppp is missing/);
  delete fails["l2tp"];
  assert.equal(probe.why(), null);
  fails["l2tp"] = "EPROTONOSUPPORT";
  assert.match(probe.why() ?? "", /^module l2tp_ppp is missing/);
});

test("what is missing is named with what to do: by package on OpenWrt, else by module", () => {
  const files = OPKG;
  assert.equal(
    why({ files, fails: { l2tp: "EPROTONOSUPPORT" } }),
    "module l2tp_ppp is missing: opkg install kmod-pppol2tp",
  );
  assert.equal(
    why({ files, fails: { l2tp: "EAFNOSUPPORT" } }),
    "module pppox is missing: opkg install kmod-pppox kmod-pppol2tp",
  );
  assert.equal(why({ files, fails: { ppp: "ENOENT" } }), "module ppp_generic is missing: opkg install kmod-ppp");
  assert.equal(
    why({ files, fails: { netlink: "EPROTONOSUPPORT" } }),
    "module xfrm_user is missing: opkg install kmod-ipsec",
  );
  assert.equal(why({ files, sa: () => "EPROTONOSUPPORT" }), "module esp4 is missing: opkg install kmod-ipsec4");
  const apk = { "/etc/apk/world": "" };
  assert.equal(
    why({ files: apk, fails: { l2tp: "EPROTONOSUPPORT" } }),
    "module l2tp_ppp is missing: apk add kmod-pppol2tp",
  );
  assert.equal(why({ fails: { l2tp: "EPROTONOSUPPORT" } }), "module l2tp_ppp is missing: modprobe l2tp_ppp");
  assert.match(why({ sa: () => "EPERM" }) ?? "", /CAP_NET_ADMIN/);
  assert.match(why({ fails: { ppp: "EPERM" } }) ?? "", /CAP_NET_ADMIN/);
  assert.equal(why({ fails: { l2tp: "EBADF" } }), null, "it has L2TP, and refuses a tunnel on no socket");
});

test("kernels that find calls by their ids alone need nftables, older ones do not", () => {
  const release = "6.12.30+deb13-amd64";
  assert.equal(why({ release }), null);
  const fails = { nftables: "EPROTONOSUPPORT" };
  assert.equal(why({ release, files: OPKG, fails }), "module nf_tables is missing: opkg install kmod-nft-core");
  assert.equal(why({ release, fails: { nftables: "EPERM" } }), null, "a daemon that runs has the table");
  assert.equal(why({ fails }), null);
});

test("ESP transforms: what the kernel lacks is known after one trial", () => {
  const { probe, calls } = on({ sa: (names) => (names.includes("chacha20") ? "ENOSYS" : "") });
  assert.equal(probe.why(), null);
  assert.equal(probe.has("aes256gcm16", "none"), true);
  assert.equal(probe.has("chacha20poly1305", "none"), false);
  const before = calls.get("netlink");
  assert.equal(probe.has("chacha20poly1305", "none"), false);
  assert.equal(calls.get("netlink"), before);
});
