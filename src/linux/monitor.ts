// Changes to links, addresses, routes and rules by other programs, as they happen (rtnetlink's multicast groups).
import { attempt } from "./errno.ts";
import type { NetlinkIo, NlMessage } from "./netlink.ts";
import { decodeMessages, get32 } from "./netlink.ts";
import { decodeRoute, OUR_PROTOCOL } from "./rtnl.ts";
import { decodeRule } from "./rules.ts";
import { NL, RT } from "./uapi.ts";

const TURN = 64; // datagrams

export type Change =
  | { readonly kind: "link" | "address"; readonly index: number; readonly gone: boolean; readonly up: boolean }
  /** `ours`: with our mark, or in the place of one that may have had it. */
  | { readonly kind: "route" | "rule"; readonly ours: boolean; readonly gone: boolean }
  /** More happened than the socket could hold. */
  | { readonly kind: "lost" };

/** Null: an unknown message. */
function decodeChange(m: NlMessage): Change | null {
  switch (m.type) {
    case RT.RTM_NEWLINK:
    case RT.RTM_DELLINK:
      if (m.body.length < 16) return null;
      return {
        kind: "link",
        index: get32(m.body, 4),
        gone: m.type === RT.RTM_DELLINK,
        up: (get32(m.body, 8) & RT.IFF_UP) !== 0,
      };
    case RT.RTM_NEWADDR:
    case RT.RTM_DELADDR:
      return m.body.length < 8
        ? null
        : { kind: "address", index: get32(m.body, 4), gone: m.type === RT.RTM_DELADDR, up: true };
    case RT.RTM_NEWROUTE:
    case RT.RTM_DELROUTE: {
      const r = decodeRoute(m);
      return (
        r && {
          kind: "route",
          ours: r.protocol === OUR_PROTOCOL || (m.flags & NL.NLM_F_REPLACE) !== 0,
          gone: m.type === RT.RTM_DELROUTE,
        }
      );
    }
    case RT.RTM_NEWRULE:
    case RT.RTM_DELRULE: {
      const r = decodeRule(m);
      return r && { kind: "rule", ours: r.protocol === OUR_PROTOCOL, gone: m.type === RT.RTM_DELRULE };
    }
    default:
      return null;
  }
}

/**
 * Calls `changed` for each change that the socket `own()` (see NetlinkSocket.port) did not bring about. Throws
 * SystemError.
 */
export function monitor(io: NetlinkIo, own: () => number, changed: (c: Change) => void): { stop(): void } {
  const groups =
    RT.RTMGRP_LINK |
    RT.RTMGRP_IPV4_IFADDR |
    RT.RTMGRP_IPV4_ROUTE |
    RT.RTMGRP_IPV6_IFADDR |
    RT.RTMGRP_IPV6_ROUTE |
    RT.RTMGRP_IPV4_RULE |
    RT.RTMGRP_IPV6_RULE;
  const advice = { EPERM: "the daemon needs to be root, or to have CAP_NET_ADMIN" };
  const fd = attempt("cannot watch the routes", advice, () => io.netlinkOpen(NL.NETLINK_ROUTE, groups));
  const buffer = new Uint8Array(32768);
  const watcher = io.watch(fd, () => {
    try {
      for (let i = 0; i < TURN; i++) {
        const n = io.recv(fd, buffer);
        if (n < 0) return;
        for (const m of decodeMessages(buffer.subarray(0, n))) {
          const c = m.port !== 0 && m.port === own() ? null : decodeChange(m);
          if (c) changed(c);
        }
      }
    } catch {
      changed({ kind: "lost" }); // ENOBUFS
    }
  });
  return {
    stop: () => {
      watcher.stop();
      io.close(fd);
    },
  };
}
