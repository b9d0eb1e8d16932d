import type { Challenges } from "../core/challenges.ts";
import type { Clock } from "../core/clock.ts";
import { SystemError } from "../core/errors.ts";
import type { EventLog } from "../core/events.ts";
import { errnoCode, type Failure } from "../core/failures.ts";
import type { DataPlane } from "../dataplane/dataplane.ts";
import type { IkeManager } from "../ike/manager.ts";
import type { L2tpEndpoint } from "../l2tp/endpoint.ts";
import type { Pki } from "../ports/pki.ts";
import type { Crypto, Host, Journal, Tcp, TlsClients, TlsStreams, Udp, Zlib } from "../ports/ports.ts";
import type { SerialHost } from "../ports/serial.ts";
import type { Blocks } from "./blocks.ts";
import type { Captures } from "./captures.ts";
import type { LocalPorts } from "./local-ports.ts";
import type { Logins } from "./logins.ts";
import type { FasterCipher, KernelSide } from "./placing.ts";
import type { Pressure } from "./pressure.ts";

/** What every link shares: one IKE, one L2TP endpoint and one data plane serve the whole process. */
export interface LinkDeps {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly host: Host;
  readonly log: EventLog;
  readonly plane: DataPlane;
  /** The kernel as a second one; null: there is but one. */
  readonly kernel: KernelSide | null;
  /** Opens IKE's sockets when the first link needs them. Throws SystemError. */
  ike(): IkeManager;
  readonly l2tp: L2tpEndpoint;
  readonly ports: LocalPorts;
  readonly blocks: Blocks;
  readonly pressure: Pressure;
  readonly captures: Captures;
  readonly serial: SerialHost;
  readonly udp: Udp;
  /** What a server owes RADIUS, by the name of its section; null: nothing outlives the process. */
  readonly journal?: ((server: string) => Journal) | null;
  readonly challenges: Challenges;
  readonly logins: Logins;
  /** Which cipher this CPU is faster with: proposals by default begin with it. */
  readonly faster: FasterCipher;
  /** For Deflate on serial lines. */
  readonly zlib?: Zlib | null;
  /** For IKE by certificates. */
  readonly pki?: Pki | null;
  /** For EAP-TLS, and RADIUS over TLS. */
  readonly tls?: (TlsClients & TlsStreams) | null;
  /** For RADIUS over TLS. */
  readonly tcp?: Tcp | null;
  /** Client links' routes are set by somebody else (netifd). */
  readonly routesElsewhere?: boolean;
}

/**
 * The failure of a plane call, as a link reports it. Only SystemError is expected; anything else is a bug and goes on.
 */
export function systemFailure(e: unknown): Failure {
  if (e instanceof SystemError) return { layer: "system", code: errnoCode(e.errno), text: e.message };
  throw e;
}
