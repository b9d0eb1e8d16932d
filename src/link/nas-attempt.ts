// One call of the NAS leg, up the ladder: serial line, modem, PPP, netdev; and down again in the opposite order. It
// ends exactly once, whatever fails first. As attempt.ts is for a tunnel.

import { nasDevice } from "../config/cross.ts";
import type { NasConfig } from "../config/nasdial.ts";
import type { UserConfig } from "../config/schema.ts";
import { linkLocal } from "../core/addr.ts";
import type { Timer } from "../core/clock.ts";
import type { LinkState } from "../core/events.ts";
import { type Failure, failure, failureOf } from "../core/failures.ts";
import { faultEvent, internal } from "../core/fault.ts";
import { giveBack } from "../core/give-back.ts";
import { allOf, Scope } from "../core/scope.ts";
import { inQuotes } from "../core/words.ts";
import type { IpConfig, LineInterface, PacketLine } from "../dataplane/dataplane.ts";
import { Answerer } from "../modem/answerer.ts";
import { CarrierWatch } from "../modem/carrier.ts";
import { Dialer, type DialOwner } from "../modem/dialer.ts";
import { HangUp } from "../modem/hangup.ts";
import { type Network, signalPercent } from "../modem/network.ts";
import type { SerialPort } from "../ports/serial.ts";
import type { PppUp } from "../ppp/api.ts";
import type { EapTlsCredentials } from "../ppp/auth/eap-tls.ts";
import { accountName } from "../ppp/auth/mschapv2.ts";
import { PppSession } from "../ppp/session.ts";
import { eapCredentials } from "./credentials.ts";
import { type LinkDeps, systemFailure } from "./deps.ts";
import { answerSettings, dialSettings, netdevOf, pppCaller, pppNas } from "./nas-settings.ts";
import { SerialChannel } from "./serial-channel.ts";
import type { Stage } from "./status.ts";

/** PPP's goodbye, on a line that may be gone. */
const CLOSE_MS = 1500;

export type NasDeps = Pick<
  LinkDeps,
  | "clock"
  | "crypto"
  | "host"
  | "log"
  | "plane"
  | "routesElsewhere"
  | "serial"
  | "zlib"
  | "tls"
  | "challenges"
  | "logins"
>;
export interface NasOwner {
  onState(state: LinkState): void;
  onStage(stage: Stage): void;
  onUp(): void;
  /** The netdev for a call, as NetPlane.attachLine. */
  attach(line: PacketLine, cfg: IpConfig): Promise<LineInterface>;
  /** Once, last: the device is closed. */
  onEnd(why: Failure): void;
  users(): readonly UserConfig[];
  /** As in DialOwner and DialConfig. */
  onPin(right: boolean): void;
  pinSpent(): boolean;
}

export class NasAttempt {
  /** Whatever comes in from outside; an unexpected error in it ends the attempt. */
  readonly #scope: Scope;
  readonly #deps: NasDeps;
  readonly #cfg: NasConfig;
  readonly #phone: string | null;
  readonly #owner: NasOwner;
  readonly #close: Timer;
  #why: Failure | null = null;
  #politely = true;
  #port: SerialPort | null = null;
  #talker: Dialer | Answerer | null = null;
  #hangUp: HangUp | null = null;
  #carrier: CarrierWatch | null = null;
  #connected = false;
  #ended = false;
  #user: UserConfig | null = null;
  #detaching: Promise<void> = Promise.resolve();
  speed = 0;
  network: Network | null = null;
  channel: SerialChannel | null = null;
  ppp: PppSession | null = null;
  pppInfo: PppUp | null = null;
  net: LineInterface | null = null;
  mtu: number | null = null;
  /** Our link-local address while IPv6 passes. */
  local6: string | null = null;
  #agreed6: string | null = null;

  #eapTls: EapTlsCredentials | null = null;

  constructor(deps: NasDeps, cfg: NasConfig, phone: string | null, owner: NasOwner) {
    this.#scope = new Scope(deps.clock, (e) => this.#fault(e));
    this.#deps = { ...deps, clock: this.#scope };
    this.#cfg = cfg;
    this.#phone = phone;
    this.#owner = owner;
    this.#close = this.#scope.timer(`${cfg.name} close`, () => this.#hangUpNow());
  }
  get user(): string | null {
    return this.#user?.name ?? null;
  }

  begin(): void {
    this.#scope.run(() => this.#begin());
  }
  #begin(): void {
    const { device, baud, flow } = this.#cfg;
    this.#owner.onState("dialing");
    this.#owner.onStage({ name: "line", state: "busy", text: `opening ${device}` });
    this.#scope.settle(
      this.#deps.serial.open(device, { baud, flow }),
      (port) => {
        this.#port = port;
        if (this.#ended) port.close();
        else if (this.#why) this.#end();
        else this.#opened(port);
      },
      (e: unknown) => this.#alive(() => this.fail(systemFailure(e))),
    );
  }

  /**
   * Takes everything down; onEnd follows, within 1.5 s and the time to hang up. `politely` false: without hanging up by
   * command, which takes seconds; DTR goes with the device.
   */
  fail(why: Failure, politely = true): void {
    this.#politely &&= politely;
    this.#scope.run(() => this.#fail(why));
  }
  #fail(why: Failure): void {
    if (this.#why) return;
    this.#why = why;
    this.#close.arm(CLOSE_MS);
    this.#talker?.stop();
    if (this.#connected) this.#owner.onState("stopping");
    this.#dropNet();
    this.#scope.settle(
      this.#detaching,
      () => {
        if (this.ppp)
          this.ppp.stop(why); // its onDown goes on
        else this.#hangUpNow();
      },
      () => {},
    );
  }
  /** Rule 7: it fails like any other; what goes wrong on its way down ends that without courtesy. */
  #fault(e: unknown): void {
    this.#log(e);
    if (this.#why) this.#end();
    else this.#fail(internal("system", e));
  }
  #log(e: unknown): void {
    this.#deps.log.emit(faultEvent(this.#cfg.name, "a call of the line", e));
  }
  #alive(f: () => void): void {
    if (!this.#why) f();
    else if (!this.#port) this.#end();
  }

  #opened(port: SerialPort): void {
    const { clock } = this.#deps;
    const cfg = this.#cfg;
    port.onData = (chunk) => this.#scope.run(() => this.#input(chunk));
    port.onGone = (why) => this.#scope.run(() => this.#gone(failure("device-gone", why)));
    port.onCarrier = (on) =>
      this.#scope.run(() => {
        if (!on && this.#connected)
          this.#gone(failure("carrier-lost", "the other side hung up, or the line broke: the carrier is gone"));
      });
    this.#owner.onStage({ name: "line", state: "ok", text: `${cfg.device} at ${cfg.baud} bit/s` });
    const owner: DialOwner = {
      onStep: (step, sent) => {
        this.#owner.onStage({ name: "modem", state: "busy", text: `${step}: ${inQuotes(sent)}` });
        this.#deps.log.emit({ kind: "modem.step", link: cfg.name, step, sent });
      },
      onAnswer: (step, received) => this.#deps.log.emit({ kind: "modem.answer", link: cfg.name, step, received }),
      onPin: (right) => this.#owner.onPin(right),
      onNetwork: (n) => {
        this.network = n;
      },
      onConnected: (speed, answer, rest) => this.#online(port, speed, answer, rest),
      onFailed: (why) => this.fail(why),
    };
    if (cfg.role === "answer") {
      this.#owner.onStage({ name: "modem", state: "busy", text: "waiting for a call" });
      const ring = (): void => this.#deps.log.emit({ kind: "modem.ring", link: cfg.name });
      this.#talker = new Answerer(clock, port, answerSettings(cfg), { ...owner, onRing: ring });
    } else {
      try {
        this.#eapTls = eapCredentials(cfg, this.#deps.host);
      } catch (e) {
        return this.fail(systemFailure(e));
      }
      const settings = dialSettings(cfg, this.#phone, this.#owner.pinSpent());
      if ("code" in settings) return this.fail(settings);
      this.#talker = new Dialer(clock, port, settings, owner);
    }
    this.#talker.start();
  }
  #input(chunk: Uint8Array): void {
    if (this.#hangUp) this.#hangUp.input(chunk);
    else if (this.channel) {
      this.channel.input(chunk);
      this.#carrier?.input(chunk);
    } else this.#talker?.input(chunk);
  }
  /** Nothing can be said any more: no Terminate-Request, no hanging up. */
  #gone(why: Failure): void {
    this.#politely = false;
    this.#talker?.stop();
    this.#carrier?.stop();
    this.#dropNet();
    // PPP may know better: a NAS that refuses us hangs up in the same breath.
    if (this.ppp) return this.ppp.lowerDown(why);
    this.#why ??= why;
    if (this.#hangUp) this.#end();
    else this.#hangUpNow();
  }

  #online(port: SerialPort, speed: number, answer: string, rest: Uint8Array): void {
    const cfg = this.#cfg;
    this.#connected = true;
    this.speed = speed;
    this.#talker = null;
    const how = cfg.line === "direct" ? "a direct line" : answer === "" ? "connected" : inQuotes(answer);
    const signal = this.network?.signal ?? null;
    const operator = this.network?.operator ?? null;
    const words = [this.#phone === null ? how : `${this.#phone}: ${how}`];
    if (operator !== null) words.push(inQuotes(operator));
    if (signal !== null) words.push(`${signal} dBm (${signalPercent(signal)} %)`);
    this.#owner.onStage({ name: "modem", state: "ok", text: words.join(", ") });
    this.#deps.log.emit({ kind: "modem.connected", link: cfg.name, phone: this.#phone ?? "", speed, answer });
    this.#owner.onState("ppp");
    this.#owner.onStage({ name: "ppp", state: "busy", text: "negotiating" });
    this.channel = new SerialChannel(port, cfg.mtu, speed === 0 ? cfg.baud : Math.min(speed, cfg.baud), () =>
      this.ppp?.activity(),
    );
    const config = cfg.role === "answer" ? pppNas(cfg, this.#deps.host) : pppCaller(cfg, this.#deps.host, this.#eapTls);
    this.ppp = new PppSession(this.#deps, this.channel, config, {
      secretOf: (name) => this.#userOf(name)?.password ?? null,
      pause: (name) => this.#deps.logins.pause(name, this.#line),
      wrong: (name) =>
        this.#deps.logins.wrong(name, this.#line, (this.#userOf(name) ?? this.#userOf(accountName(name))) !== null),
      admit: (name) => this.#admit(name),
      onPhase: (phase) => {
        this.#dropNet(); // the peer negotiates anew: until PPP is up again no packet may pass
        if (phase === "authenticate") this.#owner.onStage({ name: "ppp", state: "busy", text: "authenticating" });
        if (phase === "network") this.#owner.onStage({ name: "ppp", state: "busy", text: "agreeing on addresses" });
      },
      onUp: (info) => {
        if (!this.#why) this.#addressed(info);
      },
      onIpv6: (ids) => {
        this.#agreed6 = ids && linkLocal(ids.local);
        this.#setIpv6();
      },
      onDown: (why) =>
        this.#scope.run(() => {
          this.ppp = null;
          this.#dropNet();
          if (!this.#why && this.#politely) this.#owner.onState("stopping");
          // A modem that has left the call takes our frames for commands, and echoes them.
          const left = why.code === "loop" && cfg.line === "modem";
          this.#why ??= left
            ? failure("carrier-lost", "the modem has left the call: it returns what is sent to it")
            : why;
          this.#hangUpNow();
        }),
    });
    this.ppp.start();
    if (cfg.line === "modem" && port.carrier === null) {
      const lost = failure("carrier-lost", "the modem says NO CARRIER: the other side hung up, or the line broke");
      this.#carrier = new CarrierWatch(this.#deps.clock, () => this.#gone(lost));
    }
    if (rest.length > 0) this.#input(rest);
  }
  /** Where callers of this leg are, as far as anybody knows. */
  get #line(): string {
    return `line ${this.#cfg.name}`;
  }
  #userOf(name: string): UserConfig | null {
    return this.#owner.users().find((u) => u.name === name) ?? null;
  }
  #admit(name: string): ReturnType<ConstructorParameters<typeof PppSession>[3]["admit"]> {
    const cfg = this.#cfg;
    const user = this.#userOf(name);
    if (!user) return failure("unknown-user", "there is no such user");
    const remote = user.ip ?? cfg.remote_ip;
    if (cfg.local_ip === null || remote === null)
      return failureOf("config", "no-address", "there is no address for the caller: set local_ip and remote_ip", true);
    this.#user = user;
    this.#deps.logins.right(name, this.#line);
    return { local: cfg.local_ip, remote, dns: cfg.dns ?? [], wins: [] };
  }

  #addressed(info: PppUp): void {
    const cfg = this.#cfg;
    const channel = this.channel;
    if (!channel) return;
    const ifname = nasDevice(cfg);
    this.pppInfo = info;
    this.#owner.onStage({
      name: "ppp",
      state: "ok",
      text: info.auth === "none" ? "no authentication asked" : `authenticated with ${info.auth}`,
    });
    this.#owner.onStage({ name: "ip", state: "busy", text: `setting up ${ifname}` });
    const mtu = Math.min(cfg.mtu, info.peerMru) - info.growth;
    this.mtu = mtu;
    const to = { mtu, local4: info.local, peer4: info.remote };
    this.#scope.settle(
      this.#detaching.then(() =>
        this.#owner.attach(channel, netdevOf(cfg, to, this.#deps.routesElsewhere ? null : (this.#user?.routes ?? []))),
      ),
      (net) => {
        if (this.#why || this.pppInfo !== info)
          return void giveBack(
            () => net.detach(),
            (e) => this.#log(e),
          );
        this.net = net;
        channel.attach(net);
        this.#owner.onStage({
          name: "ip",
          state: "ok",
          text: `${info.local} to ${info.remote} on ${net.ifname}, MTU ${mtu}`,
        });
        this.#owner.onUp();
        this.#setIpv6();
      },
      (e: unknown) => this.#alive(() => this.fail(systemFailure(e))),
    );
  }
  #dropNet(): void {
    const net = this.net;
    this.net = null;
    this.local6 = null;
    this.pppInfo = null;
    if (net)
      this.#detaching = giveBack(
        () => net.detach(),
        (e) => this.#log(e),
      );
    this.channel?.attach(null);
    this.channel?.setIpv6(false);
  }

  /** IPv6 comes and goes by itself; a call without it is a call. */
  #setIpv6(): void {
    const { net, channel } = this;
    const local = this.#agreed6;
    if (!net || this.local6 === local) return;
    this.local6 = local;
    channel?.setIpv6(local !== null);
    this.#scope.settle(
      net.setIpv6(local),
      () => {
        if (this.net === net) this.#deps.log.emit({ kind: "link.ipv6", link: this.#cfg.name, local: local ?? "" });
      },
      (e: unknown) => {
        if (this.net === net) this.local6 = null;
        this.#deps.log.emit({
          kind: "daemon.warning",
          link: this.#cfg.name,
          text: `no IPv6: ${systemFailure(e).text}`,
        });
      },
    );
  }

  /** After PPP has ended, or did not in time. */
  #hangUpNow(): void {
    if (this.#ended || this.#hangUp) return;
    this.#close.disarm();
    this.channel?.close();
    const port = this.#port;
    if (port && this.#connected && this.#politely && this.#cfg.line === "modem" && port.carrier !== false) {
      this.#hangUp = new HangUp(this.#deps.clock, port, () => this.#end());
      this.#hangUp.start();
    } else this.#end();
  }
  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const why = this.#why ?? failure("ended", "the call ended");
    const port = this.#port;
    allOf(
      (e) => this.#log(e),
      () => this.#close.disarm(),
      () => this.#talker?.stop(),
      () => this.#hangUp?.stop(),
      () => this.#carrier?.stop(),
      () => this.ppp?.lowerDown(why),
      () => this.channel?.close(),
      () =>
        port &&
        void giveBack(
          () => port.close(),
          (e) => this.#log(e),
        ),
    );
    if (this.#connected) this.#deps.log.emit({ kind: "modem.hung-up", link: this.#cfg.name });
    this.#detaching.then(() => this.#owner.onEnd(why)).catch((e: unknown) => this.#log(e));
  }
}
