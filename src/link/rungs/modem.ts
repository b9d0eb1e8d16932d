// A serial line, and the call that a modem (or a null-modem cable) makes of it.
import type { SerialConfig } from "../../config/nasdial.ts";
import { type Failure, failure } from "../../core/failures.ts";
import { inQuotes } from "../../core/words.ts";
import { Answerer, type AnswerOwner } from "../../modem/answerer.ts";
import { CarrierWatch } from "../../modem/carrier.ts";
import { Dialer } from "../../modem/dialer.ts";
import { HangUp } from "../../modem/hangup.ts";
import { type Network, signalPercent } from "../../modem/network.ts";
import type { SerialPort } from "../../ports/serial.ts";
import type { EapTlsCredentials } from "../../ppp/auth/eap-tls.ts";
import { eapCredentials } from "../credentials.ts";
import type { LinkDeps } from "../deps.ts";
import type { Ladder, Rung } from "../ladder.ts";
import type { Passwords } from "../passwords.ts";
import { SerialChannel } from "../serial-channel.ts";
import { answerSettings, dialSettings } from "../serial-settings.ts";

type LineDeps = Pick<LinkDeps, "host" | "log" | "serial">;

export class LineRung implements Rung {
  readonly name = "line";
  readonly #ladder: Ladder;
  readonly #deps: LineDeps;
  readonly #cfg: SerialConfig;
  port: SerialPort | null = null;

  constructor(ladder: Ladder, deps: LineDeps, cfg: SerialConfig) {
    this.#ladder = ladder;
    this.#deps = deps;
    this.#cfg = cfg;
  }
  up(): void {
    const { device, baud, flow } = this.#cfg;
    this.#ladder.state("dialing");
    this.#ladder.stage("line", "busy", `opening ${device}`);
    this.#ladder.take(
      this.#deps.serial.open(device, { baud, flow }),
      (port) => port.close(),
      (port) => {
        this.port = port;
        this.#ladder.stage("line", "ok", `${device} at ${baud} bit/s`);
        this.#ladder.isUp(this);
      },
    );
  }
}

/** What a modem's rung needs to know beyond one call. */
export interface ModemUser {
  readonly line: LineRung;
  /** The number to dial; null: do not dial. */
  readonly phone: string | null;
  /** As in DialOwner and DialConfig. */
  onPin(right: boolean): void;
  readonly pinSpent: boolean;
  readonly passwords: Passwords;
  /** The peer sent a packet. */
  heard(): void;
  /** Asks the peer for a sign of life, once. */
  ask(answered: () => void): void;
}

export class ModemRung implements Rung, AnswerOwner {
  readonly name = "modem";
  readonly #ladder: Ladder;
  readonly #deps: LineDeps;
  readonly #cfg: SerialConfig;
  readonly #user: ModemUser;
  #talker: Dialer | Answerer | null = null;
  #hangUp: HangUp | null = null;
  #carrier: CarrierWatch | null = null;
  #connected = false;
  /** The line or its carrier is lost: no goodbye is possible. */
  #gone = false;
  /** Bits per second, 0: not known. */
  speed = 0;
  network: Network | null = null;
  channel: SerialChannel | null = null;
  eapTls: EapTlsCredentials | null = null;

  constructor(ladder: Ladder, deps: LineDeps, cfg: SerialConfig, user: ModemUser) {
    this.#ladder = ladder;
    this.#deps = deps;
    this.#cfg = cfg;
    this.#user = user;
  }
  /** Hanging up by command takes seconds. */
  get patient(): boolean {
    return this.#connected && !this.#gone;
  }
  up(): void {
    const { port } = this.#user.line;
    if (!port) throw new RangeError("a modem without its line");
    const { scope } = this.#ladder;
    port.onData = (chunk) => scope.run(() => this.#input(chunk));
    port.onGone = (why) => scope.run(() => this.#lost(failure("device-gone", why)));
    port.onCarrier = (on) =>
      scope.run(() => {
        if (!on && this.#connected)
          this.#lost(failure("carrier-lost", "carrier lost: the other side hung up, or the line broke"));
      });
    this.#talker = this.#cfg.role === "answer" ? this.#answerer(port) : this.#dialer(port);
    this.#talker?.start();
  }
  #answerer(port: SerialPort): Answerer {
    this.#ladder.stage("modem", "busy", "waiting for a call");
    return new Answerer(this.#ladder.scope, port, answerSettings(this.#cfg), this);
  }
  #dialer(port: SerialPort): Dialer | null {
    const read = this.#ladder.attempt(() => {
      this.eapTls = eapCredentials(this.#cfg, this.#deps.host);
    });
    if (!read) return null;
    const settings = dialSettings(this.#cfg, this.#user.passwords, this.#user);
    if (!("code" in settings)) return new Dialer(this.#ladder.scope, port, settings, this);
    this.#ladder.fail(settings);
    return null;
  }
  #input(chunk: Uint8Array): void {
    if (this.#hangUp) this.#hangUp.input(chunk);
    else if (this.channel) {
      this.channel.input(chunk);
      this.#carrier?.input(chunk);
    } else this.#talker?.input(chunk);
  }
  /** PPP may know the reason: a peer that refuses us hangs up right afterwards. */
  #lost(why: Failure): void {
    this.#gone = true;
    this.#talker?.stop();
    this.#carrier?.stop();
    this.#ladder.lost(this, why);
    this.#ladder.isDown(this);
  }

  onStep(step: string, sent: string): void {
    this.#ladder.stage("modem", "busy", `${step}: ${inQuotes(sent)}`);
    this.#deps.log.emit({ kind: "modem.step", link: this.#cfg.name, step, sent });
  }
  onAnswer(step: string, received: string): void {
    this.#deps.log.emit({ kind: "modem.answer", link: this.#cfg.name, step, received });
  }
  onRing(): void {
    this.#deps.log.emit({ kind: "modem.ring", link: this.#cfg.name });
  }
  onPin(right: boolean): void {
    this.#user.onPin(right);
  }
  onNetwork(n: Network): void {
    this.network = n;
  }
  onFailed(why: Failure): void {
    this.#ladder.fail(why);
  }
  onConnected(speed: number, answer: string, rest: Uint8Array): void {
    const cfg = this.#cfg;
    const { port } = this.#user.line;
    if (!port) return;
    this.#talker = null;
    this.#connected = true;
    this.speed = speed;
    this.#ladder.stage("modem", "ok", this.#how(answer));
    const phone = this.#user.phone ?? "";
    this.#deps.log.emit({ kind: "modem.connected", link: cfg.name, phone, speed, answer });
    const rate = speed === 0 ? cfg.baud : Math.min(speed, cfg.baud);
    this.channel = new SerialChannel(port, cfg.mtu, rate, () => this.#user.heard());
    this.#ladder.isUp(this);
    if (cfg.line === "modem" && port.carrier === null) {
      const why = failure("carrier-lost", "the modem says NO CARRIER: the other side hung up, or the line broke");
      this.#carrier = new CarrierWatch(this.#ladder.scope, {
        lost: () => this.#lost(why),
        ask: (answered) => this.#user.ask(answered),
      });
    }
    if (rest.length > 0) this.#input(rest);
  }
  #how(answer: string): string {
    const { signal = null, operator = null } = this.network ?? {};
    const words: string[] = [this.#user.phone === null ? "" : `${this.#user.phone}: `];
    if (this.#cfg.line === "direct") words[0] += "a direct line";
    else words[0] += answer === "" ? "connected" : inQuotes(answer);
    if (operator !== null) words.push(inQuotes(operator));
    if (signal !== null) words.push(`${signal} dBm (${signalPercent(signal)} %)`);
    return words.join(", ");
  }

  down(_why: Failure): void {
    this.#talker?.stop();
    this.channel?.close();
    const { port } = this.#user.line;
    const hangsUp = this.patient && !this.#ladder.quick && this.#cfg.line === "modem";
    if (!hangsUp || !port || port.carrier === false) return this.#ladder.isDown(this);
    this.#hangUp = new HangUp(this.#ladder.scope, port, () => this.#ladder.isDown(this));
    this.#hangUp.start();
  }
  drop(_why: Failure): void {
    this.#talker?.stop();
    this.#hangUp?.stop();
    this.#carrier?.stop();
    this.channel?.close();
    if (!this.#connected) return;
    this.#connected = false;
    this.#deps.log.emit({ kind: "modem.hung-up", link: this.#cfg.name });
  }
}
