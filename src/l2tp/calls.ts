// The calls of one control connection: their ids, what the peer asks for, and which call a message is for.

import { get8 } from "../core/bytes.ts";
import type { Failure } from "../core/errors.ts";
import { LazyMap } from "../core/lazy.ts";
import { type Rng, randomId16 } from "../core/rng.ts";
import type { CallConfig, CallKind, CallRequest, Refused } from "./api.ts";
import { Call, type CallHost, type CallOwner, type CallRole } from "./call.ts";
import type { CallError } from "./validate.ts";
import type { Avps, Result } from "./wire/avps.ts";
import type { MessageName } from "./wire/messages.ts";
import { ERR, RESULT } from "./words.ts";

export type CallAnswer = { readonly cfg: CallConfig; readonly owner: CallOwner } | Refused;

/** What the table needs of its tunnel. */
export interface CallTableHost extends CallHost {
  readonly established: boolean;
  /** The peer announces a call, or asks for one. Does not throw. */
  answerCall(request: CallRequest): CallAnswer;
  /** The table has its first call, or lost its last one. */
  busy(busy: boolean): void;
}

/** They name the peer's call id, so that a CDN can answer them. */
const ASSIGNING: ReadonlySet<MessageName> = new Set(["ICRQ", "ICRP", "OCRQ", "OCRP"]);

export class CallTable {
  readonly byId = new LazyMap<number, Call>();
  readonly #tunnel: CallTableHost;
  readonly #rng: Rng;
  readonly #max: number;
  #serial: number;
  #heard = 0;

  constructor(tunnel: CallTableHost, { rng, max }: { readonly rng: Rng; readonly max: number }) {
    this.#tunnel = tunnel;
    this.#rng = rng;
    this.#max = max;
    this.#serial = get8(rng.random(1), 0) << 8;
  }

  /** Nothing came by any of them since this was last asked. */
  silent(): boolean {
    const before = this.#heard;
    this.#heard = [...this.byId.values()].reduce((n, c) => n + c.heard, 0);
    return this.#heard === before;
  }
  /** Asks the peer for a call. RangeError while the tunnel is not established. */
  place(kind: CallKind, cfg: CallConfig, owner: CallOwner): Call {
    if (!this.#tunnel.established) throw new RangeError("placeCall: the tunnel is not established");
    const call = this.#add(kind === "incoming" ? "lac-incoming" : "lns-outgoing", cfg, owner);
    call.contain(() => call.open());
    return call;
  }
  /** A message that a tunnel does not take for itself. */
  message(name: MessageName, avps: Avps, call: Call | undefined): void {
    switch (name) {
      case "ICRQ":
      case "OCRQ":
        return call ? call.contain(() => call.message(name, avps)) : this.#requested(name, avps);
      case "CDN": {
        // §4.4.4: the header's Call ID is 0 when the sender never learnt ours; then its own id tells.
        const which = call ?? [...this.byId.values()].find((c) => c.peerId !== 0 && c.peerId === avps.assignedCallId);
        return which ? which.contain(() => which.message(name, avps)) : this.#tunnel.noteBad("CDN for an unknown call");
      }
      default:
        if (call) call.contain(() => call.message(name, avps));
        else this.#tunnel.noteBad(`${name} for an unknown call`);
    }
  }
  /** A message that validate() refuses. */
  unserved({ name, avps, result, why }: CallError, call: Call | undefined): void {
    if (call) return call.contain(() => call.refuse(name, result, why));
    if (ASSIGNING.has(name)) return this.#refuse(avps, result);
    this.#tunnel.noteBad(`${name} for an unknown call`);
  }
  /** Refuses a call that does not exist here. */
  #refuse(avps: Avps, resultCode: Result): void {
    this.#tunnel.sendMessage("CDN", avps.assignedCallId ?? 0, { resultCode, assignedCallId: 0 });
  }
  forget(call: Call): void {
    if (this.byId.delete(call.id) && this.byId.size === 0) this.#tunnel.busy(false);
  }
  /** Sends a CDN for every call. */
  close(why: Failure): void {
    for (const c of [...this.byId.values()]) c.contain(() => c.close(why));
  }
  /** Ends every call without a message. */
  drop(why: Failure): void {
    for (const c of [...this.byId.values()]) c.contain(() => c.drop(why));
  }

  #requested(name: "ICRQ" | "OCRQ", avps: Avps): void {
    const tunnel = this.#tunnel;
    if (!tunnel.established) return tunnel.noteBad(`${name} before the tunnel is established`);
    if (this.byId.size >= this.#max)
      return this.#refuse(avps, { result: RESULT.noResources, error: ERR.resources, message: "too many calls" });
    const kind: CallKind = name === "ICRQ" ? "incoming" : "outgoing";
    const answer = tunnel.answerCall({
      kind,
      serial: avps.callSerialNumber ?? 0,
      calledNumber: avps.calledNumber ?? "",
      callingNumber: avps.callingNumber ?? "",
    });
    if ("refuse" in answer) {
      const { refuse: message, busy } = answer;
      const [result, error] = busy ? [RESULT.noResources, ERR.resources] : [RESULT.admin, 0];
      return this.#refuse(avps, { result, error, message });
    }
    const call = this.#add(kind === "incoming" ? "lns-incoming" : "lac-outgoing", answer.cfg, answer.owner);
    call.contain(() => {
      answer.owner.onCall?.(call);
      call.message(name, avps);
    });
  }
  #add(role: CallRole, cfg: CallConfig, owner: CallOwner): Call {
    const id = randomId16(this.#rng, (taken) => this.byId.has(taken));
    const call = new Call(this.#tunnel, { id, serial: this.#serial++, role, cfg, owner });
    this.byId.set(id, call);
    if (this.byId.size === 1) this.#tunnel.busy(true);
    return call;
  }
}
