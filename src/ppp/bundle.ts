// The links of one session (RFC 1990 §2). A session owns its bundle; the session of a further link gives its link to it
// once its peer has shown who it is, and keeps what is the link's alone: LCP, authentication, echoes and their end.
import type { Failure } from "../core/errors.ts";
import type { Packet } from "../core/packet.ts";
import { sameBytes } from "../core/text.ts";
import type { FrameChannel, LinkOptions } from "../ports/ports.ts";
import type { Agreed } from "./multilink.ts";
import { failure } from "./words.ts";

/** A link, as the session with its LCP shows it to the one with the bundle. */
export interface Link {
  readonly channel: FrameChannel;
  /** As LCP agreed. */
  options(): LinkOptions;
  agreed(): Agreed;
  /** A control packet, by this link. */
  send(protocol: number, packet: Uint8Array): void;
  /** LCP's Protocol-Reject. */
  reject(protocol: number, body: Uint8Array): void;
  /** Politely. */
  end(why: Failure): void;
}
/** What a link's own session does as a Link, one table for all of them. */
export interface LinkActs<O> {
  options(o: O): LinkOptions;
  agreed(o: O): Agreed;
  send(o: O, protocol: number, packet: Uint8Array): void;
  reject(o: O, protocol: number, body: Uint8Array): void;
  end(o: O, why: Failure): void;
}
export class OwnLink<O> implements Link {
  readonly channel: FrameChannel;
  readonly #owner: O;
  readonly #acts: LinkActs<O>;
  constructor(channel: FrameChannel, owner: O, acts: LinkActs<O>) {
    this.channel = channel;
    this.#owner = owner;
    this.#acts = acts;
  }
  options(): LinkOptions {
    return this.#acts.options(this.#owner);
  }
  agreed(): Agreed {
    return this.#acts.agreed(this.#owner);
  }
  send(protocol: number, packet: Uint8Array): void {
    this.#acts.send(this.#owner, protocol, packet);
  }
  reject(protocol: number, body: Uint8Array): void {
    this.#acts.reject(this.#owner, protocol, body);
  }
  end(why: Failure): void {
    this.#acts.end(this.#owner, why);
  }
}
/** A link's place in a bundle. */
export interface Seat {
  /** What came by the link, beside LCP and authentication; `packet` is valid during the call. */
  input(protocol: number, packet: Packet): void;
  protocolRejected(protocol: number): void;
  /** The link is gone; may be called again. */
  left(why: Failure): void;
}
/**
 * Whether two ends of links are the same system's, by their endpoint discriminators (RFC 1990 §5.1.3): where neither
 * has one, authentication alone says so.
 */
export function sameEnd(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : sameBytes(a, b);
}

/** As DataPath. */
interface Path {
  join(channel: FrameChannel, link: LinkOptions): boolean;
  leave(channel: FrameChannel): void;
}
interface LinksOwner {
  /** Network packets go by another link's channel from now on. */
  moved(): void;
}
export class Links {
  readonly #path: Path;
  readonly #owner: LinksOwner;
  readonly #all: Link[] = [];

  constructor(path: Path, owner: LinksOwner) {
    this.#path = path;
    this.#owner = owner;
  }
  get size(): number {
    return this.#all.length;
  }
  /** The link whose channel network packets go by. */
  get carrier(): Link | null {
    return this.#all[0] ?? null;
  }
  others(own: Link): boolean {
    return this.#all.some((l) => l !== own);
  }
  /** Null: it is in. */
  add(link: Link): Failure | null {
    const [first] = this.#all;
    if (first) {
      const [a, b] = [first.agreed(), link.agreed()];
      const same = a.mrruIn === b.mrruIn && a.mrruOut === b.mrruOut;
      if (!same || a.shortIn !== b.shortIn || a.shortOut !== b.shortOut)
        return failure("bundle", "the link's MRRU or sequence numbers are not those of the bundle");
      if (!this.#path.join(link.channel, link.options()))
        return failure("bundle", "the session is in no bundle that others can join");
    }
    this.#all.push(link);
    return null;
  }
  /** Whether it was there. */
  remove(link: Link): boolean {
    const at = this.#all.indexOf(link);
    if (at < 0) return false;
    this.#all.splice(at, 1);
    if (this.size === 0) return true;
    this.#path.leave(link.channel);
    if (at === 0) this.#owner.moved();
    return true;
  }
  /** All but `own`. */
  end(own: Link, why: Failure): void {
    for (const l of [...this.#all]) {
      if (l === own) continue;
      this.remove(l);
      l.end(why);
    }
  }
}
