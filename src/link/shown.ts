// What status shows of an attempt.
import type { Failure } from "../core/failures.ts";
import type { Climb } from "./access.ts";
import type { LinkStatus, Stage } from "./status.ts";

/** Of one that is over: the stage that failed, and how far it came below that one. */
export function ended(stages: readonly Stage[], why: Failure): Stage[] {
  if (why.code === "stopped") return [];
  const fail = (s: Stage): Stage => ({ ...s, state: "failed", text: why.text });
  if (stages.some((s) => s.state === "busy")) return stages.map((s) => (s.state === "busy" ? fail(s) : s));
  const at = stages.findIndex((s) => s.name === why.layer);
  return stages.slice(0, at + 1).map((s, i) => (i === at ? fail(s) : s));
}

type Facts =
  | "mtu"
  | "mtu_source"
  | "local_ip"
  | "remote_ip"
  | "local_ip6"
  | "dns"
  | "ppp"
  | "rx_bytes"
  | "tx_bytes"
  | "rx_packets"
  | "tx_packets";
/** Of the present one; null: there is none. */
export function facts(c: Climb | null, up: boolean): Pick<LinkStatus, Facts> {
  const info = (up && c?.ppp.info) || null;
  const t = c?.netdev.net?.counters();
  return {
    mtu: up ? (c?.netdev.mtu ?? null) : null,
    mtu_source: up ? (c?.netdev.mtuSource ?? null) : null,
    local_ip: info?.local ?? null,
    remote_ip: info?.remote ?? null,
    local_ip6: c?.netdev.ip6 ?? null,
    dns: info?.dns ?? [],
    ppp: info && { auth: info.auth, mru: info.mru, peer_mru: info.peerMru, peer_mrru: info.mrru },
    rx_bytes: t?.rxBytes ?? 0,
    tx_bytes: t?.txBytes ?? 0,
    rx_packets: t?.rxPackets ?? 0,
    tx_packets: t?.txPackets ?? 0,
  };
}
