// When an IKE SA takes another's place, and what happens when both sides begin that: RFC 7296 §2.8, §2.25.2. How it is
// agreed on is in rekey.ts.
import { get16 } from "../../core/bytes.ts";
import type { Failure } from "../../core/errors.ts";
import type { DhGroupName } from "../../ports/ports.ts";
import { groupOf } from "../proposals.ts";
import type { Payload } from "../wire/payloads.ts";
import type { Received } from "./channel.ts";
import { errorIn } from "./childsa.ts";
import { DELETE_IKE } from "./deletes.ts";
import type { Followups, MakeRequest } from "./followups.ts";
import type { IkeSa } from "./ikesa.ts";
import { answerRekey, offerRekey, type RekeyDraft } from "./rekey.ts";
import { hasLost, type IkeTask, type Tasks } from "./tasks.ts";
import { NOTIFY, notification } from "./wire/bodies.ts";
import { type Chain, EXCHANGE } from "./wire/message.ts";

/** Other groups that a peer may ask for in a row. */
const RESTARTS = 3;

interface RekeysOwner {
  readonly current: IkeSa | null;
  readonly manager: { newSpi(): Uint8Array; made(sa: IkeSa): void; closed(sa: IkeSa): void };
  adopt(sa: IkeSa): void;
  forgetSa(sa: IkeSa): void;
  down(why: Failure): void;
}

export class Rekeys {
  readonly #o: RekeysOwner;
  readonly #tasks: Tasks;
  readonly #followups: Followups;
  readonly #request: MakeRequest;
  readonly #later: () => void;

  constructor(o: RekeysOwner, tasks: Tasks, followups: Followups, request: MakeRequest, later: () => void) {
    this.#o = o;
    this.#tasks = tasks;
    this.#followups = followups;
    this.#request = request;
    this.#later = later;
  }
  begin(): void {
    if (!this.#tasks.free || this.#followups.pending) return;
    const task: IkeTask = { kind: "ike", theirs: null, made: null };
    this.#tasks.current = task;
    this.#ask(task, this.#o.current?.suite.group ?? "x25519", 0);
  }
  #ask(task: IkeTask, group: DhGroupName, restarts: number): void {
    const sa = this.#o.current;
    if (!sa) this.#tasks.done(task);
    sa?.channel.ask(() => {
      if (this.#tasks.current !== task) return null;
      const offer = offerRekey(sa, this.#o.manager.newSpi(), group);
      const lost = (): void => this.#lost(task);
      const answered = ({ chain }: Received): void => {
        const error = errorIn(chain);
        const other =
          error?.type === NOTIFY.invalidKePayload && error.data.length === 2 ? groupOf(get16(error.data, 0)) : null;
        if (other && restarts < RESTARTS) return this.#ask(task, other, restarts + 1);
        const draft = error ? null : offer.take(chain, this.#o.manager);
        if (!draft) return lost();
        this.#followups.begin(sa, draft.addKe, chain, {
          wanted: () => this.#tasks.current === task && !hasLost(task, draft.low),
          done: (secrets) => this.#made(task, sa, draft, secrets),
          failed: (why) => (why?.code === "bad-key" ? this.#o.down(why) : lost()),
        });
      };
      return this.#request(EXCHANGE.createChild, offer.payloads, answered, lost);
    });
  }
  #lost(task: IkeTask): void {
    if (this.#tasks.current !== task) return;
    const theirs = task.made;
    this.#tasks.done(task);
    if (theirs && !theirs.over) this.#o.adopt(theirs);
    else if (!this.#followups.pending) this.#later();
  }
  #made(task: IkeTask, old: IkeSa, draft: RekeyDraft, secrets: readonly Uint8Array[]): void {
    const sa = draft.complete(secrets);
    const theirs = task.made;
    this.#o.manager.made(sa);
    if (this.#tasks.current !== task) return sa.close([DELETE_IKE]);
    this.#tasks.done(task);
    if (theirs && !theirs.over && hasLost(task, draft.low)) {
      sa.close([DELETE_IKE]);
      this.#o.adopt(theirs);
      return;
    }
    this.#followups.drop();
    this.#o.adopt(sa);
    const gone = (): void => this.#o.forgetSa(old);
    old.channel.ask(() => ({
      ...this.#request(EXCHANGE.informational, [DELETE_IKE], gone, () => {}),
      silent: gone, // it may have been deleted, with the answer lost
    }));
  }

  /** The peer wants another in place of `sa`. Throws DecodeError. */
  asked(sa: IkeSa, chain: Chain): void {
    const task = this.#tasks.current;
    const answer = (list: readonly Payload[]): void => sa.channel.answer(list);
    if (task?.kind === "child") return answer([notification(NOTIFY.temporaryFailure)]);
    const draft = answerRekey(sa, chain, this.#o.manager);
    if ("notify" in draft) return answer([notification(draft.notify, draft.data)]);
    const { low, addKe, payloads } = draft;
    const make = (secrets: readonly Uint8Array[], last: readonly Payload[]): void => {
      const made = draft.complete(secrets);
      this.#o.manager.made(made);
      try {
        answer(last);
      } catch (e) {
        made.close(null); // nobody has it yet
        throw e;
      }
      const now = this.#tasks.current;
      if (now?.kind !== "ike") return this.#o.adopt(made);
      now.made?.close(null);
      now.made = made;
      now.theirs = low;
    };
    if (addKe.length === 0) return make([], payloads);
    const dropped = (): void => {
      if (task && !task.made) task.theirs = null;
    };
    const link = this.#followups.await(sa, addKe, { done: (secrets, last) => make(secrets, [last]), dropped });
    if (task) task.theirs = low;
    answer([...payloads, ...link]);
  }
  /** RFC 7296 §2.25.2: the peer deletes what both were replacing, and our answer is still on its way: it is theirs. */
  replacedByTheirs(sa: IkeSa): void {
    const task = this.#tasks.current;
    if (sa !== this.#o.current || task?.kind !== "ike" || !task.made || task.made.over) return;
    this.#tasks.done(task);
    this.#o.adopt(task.made);
  }
}
