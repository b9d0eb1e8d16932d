// The way to the server, below everything else: its address, and the route there that stays outside of the tunnel.
import { guarded } from "../../config/cross.ts";
import type { ClientConfig } from "../../config/schema.ts";
import { SystemError } from "../../core/errors.ts";
import { type Failure, failure } from "../../core/failures.ts";
import type { EapTlsCredentials } from "../../ppp/auth/eap-tls.ts";
import { eapCredentials } from "../credentials.ts";
import { type LinkDeps, systemFailure } from "../deps.ts";
import type { Ladder, Rung } from "../ladder.ts";

export class NameRung implements Rung {
  readonly name = "name";
  readonly #ladder: Ladder;
  readonly #deps: LinkDeps;
  readonly #cfg: ClientConfig;
  readonly #nth: number;
  /** Of the server, "" until it is known. */
  address = "";
  eapTls: EapTlsCredentials | null = null;

  /** `nth` attempts so far: a server with several addresses gets another one each time. */
  constructor(ladder: Ladder, deps: LinkDeps, cfg: ClientConfig, nth: number) {
    this.#ladder = ladder;
    this.#deps = deps;
    this.#cfg = cfg;
    this.#nth = nth;
  }
  up(): void {
    const { host } = this.#cfg.server;
    this.#ladder.state("dialing");
    this.#ladder.stage("server", "busy", `looking up ${host}`);
    this.#ladder.settle(
      this.#resolve(host),
      (all) => this.#resolved(host, all),
      (e) => {
        const text = `the server's name ${host} does not resolve: ${(e as Error).message}`;
        return { ...systemFailure(e), code: "name", text };
      },
    );
  }
  #resolved(host: string, all: readonly string[]): void {
    const credentials = this.#ladder.attempt(() => ({ eapTls: eapCredentials(this.#cfg, this.#deps.host) }));
    if (!credentials) return;
    this.eapTls = credentials.eapTls;
    const address = all[this.#nth % all.length];
    if (address === undefined) return this.#ladder.fail(failure("name", `the server's name ${host} has no address`));
    this.address = address;
    this.#ladder.stage("server", "ok", address === host ? address : `${host} is ${address}`);
    this.#ladder.isUp(this);
  }
  /** While everything outside is blocked the machine's own resolver may have no way out. */
  #resolve(host: string): Promise<string[]> {
    const own = this.#deps.host.resolve(host);
    if (!guarded(this.#cfg).includes("0.0.0.0/0")) return own;
    return Promise.any([own, this.#deps.plane.net.resolveOutside(host)]).catch((e: AggregateError) => {
      const [mine, outside] = e.errors as [unknown, unknown];
      if (!(mine instanceof SystemError)) throw mine;
      if (!(outside instanceof SystemError)) throw outside;
      throw new SystemError(mine.errno, mine.what, `${mine.advice}; ${outside.message}`);
    });
  }
  down(_why: Failure): void {
    this.#ladder.isDown(this);
  }
  drop(_why: Failure): void {}
}

export class RouteRung implements Rung {
  readonly name = "route";
  readonly #ladder: Ladder;
  readonly #deps: LinkDeps;
  readonly #server: NameRung;
  /** Our address on the way to the server, its MTU and netdev. */
  path: { readonly local: string; readonly mtu: number; readonly device: string } | null = null;

  constructor(ladder: Ladder, deps: LinkDeps, server: NameRung) {
    this.#ladder = ladder;
    this.#deps = deps;
    this.#server = server;
  }
  up(): void {
    const { net } = this.#deps.plane;
    const { address } = this.#server;
    this.#ladder.stage("route", "busy", `looking for a route to ${address}`);
    this.#ladder.settle(
      net.pathTo(address),
      (path) => {
        this.path = path;
        this.#ladder.stage("route", "ok", `from ${path.local} by ${path.device}, MTU ${path.mtu}`);
        // Before anything can route into the link: the server itself stays outside of it.
        this.#ladder.take(
          net.pinHostRoute(address),
          (unpin) => unpin(),
          () => this.#ladder.isUp(this),
        );
      },
      (e) => {
        const text = `there is no route to the server ${address}: ${(e as Error).message}`;
        return { ...systemFailure(e), code: "no-route", text };
      },
    );
  }
  down(_why: Failure): void {
    this.#ladder.isDown(this);
  }
  drop(_why: Failure): void {}
}
