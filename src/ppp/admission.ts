// Who may use a session, and with which addresses: asked for once, and kept while LCP negotiates anew.
import type { Failure } from "../core/errors.ts";
import { printable } from "../core/words.ts";
import type { PppConfig, PppOwner } from "./api.ts";
import type { Authentication } from "./authentication.ts";
import type { IpcpWants } from "./ipcp.ts";
import { failure } from "./words.ts";

export class Admission {
  readonly #cfg: PppConfig;
  readonly #owner: PppOwner;
  #admitted: { readonly user: string; readonly wants: IpcpWants } | null = null;

  constructor(cfg: PppConfig, owner: PppOwner) {
    this.#cfg = cfg;
    this.#owner = owner;
  }
  /** Whether a user was admitted. */
  get given(): boolean {
    return this.#admitted !== null;
  }
  /** A user who renegotiates keeps the addresses; a session never changes its user. */
  ask({ user, peerMethod }: Pick<Authentication<unknown>, "user" | "peerMethod">): IpcpWants | Failure {
    const { ipcp, role } = this.#cfg;
    if (role === "client") return { role, ...ipcp, requestWins: ipcp.requestWins ?? false };
    if (this.#admitted) {
      if (this.#admitted.user === user) return this.#admitted.wants;
      return failure("auth-failed", `user "${printable(user)}" tried to take over a session of another user`);
    }
    const a = this.#owner.admit(user, peerMethod ?? "none");
    if ("code" in a) return a;
    const wants: IpcpWants = { role, ...a };
    this.#admitted = { user, wants };
    return wants;
  }
}
