// Who looks at the frames of which link. Without a capture nothing on the data path knows of this: a tap makes a call's
// packets visit TypeScript, as those of a call with compression do.
import type { L2tpPlane, L2tpRemote } from "../dataplane/dataplane.ts";
import { type Shown, shownControl, shownFrame } from "../packet/redact.ts";
import type { Direction, FrameChannel } from "../ports/ports.ts";

/** Gets what may be shown, as a copy. */
export interface Watcher {
  /** Whether L2TP from and to `remote` belongs to the link. */
  owns(remote: L2tpRemote): boolean;
  see(kind: "ppp" | "l2tp", direction: Direction, shown: Shown): void;
}

const MOST = 4;

export class Captures {
  readonly #channels = new Map<string, Set<FrameChannel>>();
  readonly #watchers = new Map<string, Watcher>();

  /** PPP runs over `channel`, for a link, from now on, or no longer. */
  channel(link: string, channel: FrameChannel, runs: boolean): void {
    const all = this.#channels.get(link) ?? new Set();
    if (runs) {
      this.#channels.set(link, all.add(channel));
      this.#tap(link, channel);
    } else {
      channel.setTap?.(null);
      all.delete(channel);
      if (all.size === 0) this.#channels.delete(link);
    }
  }
  /** Why there can be no capture of the link now, "" when there can. */
  refuses(link: string): string {
    if (this.#watchers.has(link)) return `${link} is being captured already`;
    if (this.#watchers.size >= MOST) return `${MOST} captures are running already`;
    const closed = [...(this.#channels.get(link) ?? [])].some((c) => !c.setTap);
    return closed
      ? "its packets do not pass this program (kernel data plane): capture its netdev, as tcpdump does"
      : "";
  }
  /** Returns what ends it. */
  start(link: string, watcher: Watcher): () => void {
    this.#watchers.set(link, watcher);
    for (const c of this.#channels.get(link) ?? []) this.#tap(link, c);
    return () => {
      if (this.#watchers.get(link) !== watcher) return;
      this.#watchers.delete(link);
      for (const c of this.#channels.get(link) ?? []) c.setTap?.(null);
    };
  }
  #tap(link: string, channel: FrameChannel): void {
    const w = this.#watchers.get(link);
    if (w) channel.setTap?.((direction, frame) => w.see("ppp", direction, shownFrame(frame)));
  }

  /** The same plane, with its control messages seen by those who look. */
  around(plane: L2tpPlane): L2tpPlane {
    const outer: L2tpPlane = {
      secureRemote: (flow, localPort, remotePort) => plane.secureRemote(flow, localPort, remotePort),
      openClear: (...how) => plane.openClear(...how),
      openTunnel: (spec) => plane.openTunnel(spec),
      sendControl: (remote, message) => {
        this.#control("out", remote, message);
        return plane.sendControl(remote, message);
      },
      onControl: () => {},
    };
    plane.onControl = (remote, p) => {
      if (this.#watchers.size > 0) this.#control("in", remote, p.view());
      outer.onControl(remote, p);
    };
    return outer;
  }
  #control(direction: Direction, remote: L2tpRemote, message: Uint8Array): void {
    for (const w of this.#watchers.values()) if (w.owns(remote)) w.see("l2tp", direction, shownControl(message));
  }
}
