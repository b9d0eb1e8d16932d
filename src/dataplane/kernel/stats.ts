// What the kernel's IPsec dropped, by the names that the userspace plane counts under. /proc/net/xfrm_stat counts for
// the whole network namespace and is missing in some kernels (OpenWrt's among them); what an SA or an event tells is
// counted from there instead.

/** Lines of xfrm_stat; those not here are told by SAs (replays, wrong ICVs) and events (limits). */
const NAMES: Readonly<Record<string, string>> = {
  XfrmInNoStates: "esp.unknown-spi",
  XfrmInHdrError: "esp.short",
  XfrmInStateMismatch: "udp.port",
  XfrmInTmplMismatch: "l2tp.wrong-flow", // in the clear, or under the SA of another flow
  XfrmInPolBlock: "l2tp.clear",
  XfrmOutPolBlock: "tx.no-sa",
  XfrmOutNoStates: "tx.no-sa",
};

export type XfrmStat = ReadonlyMap<string, number>;

export function parseXfrmStat(text: string): XfrmStat {
  const all = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, name, count] = /^(\w+)\s+(\d+)\s*$/.exec(line) ?? [];
    if (name !== undefined && count !== undefined) all.set(name, Number(count));
  }
  return all;
}
/** What was added since `before`, by our names. */
export function dropsSince(before: XfrmStat, now: XfrmStat): [name: string, count: number][] {
  return [...now].flatMap(([line, n]) => {
    const [name, more] = [NAMES[line], n - (before.get(line) ?? 0)];
    return name !== undefined && more > 0 ? [[name, more] as [string, number]] : [];
  });
}
