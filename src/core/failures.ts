// Every code of a failure: the layers that use it, whether it is lasting, and its words. Codes are a contract: status,
// the log, netifd and scripts know them. LuCI's list and the reference are written from here (make generate).

/** The layers a link can fail in, lowest first. */
export type Layer = "config" | "system" | "modem" | "ike" | "l2tp" | "ppp";

interface Known<L extends readonly Layer[], P extends boolean | null> {
  readonly layers: L;
  /** Null: the place where it is made says so. */
  readonly lasting: P;
}
function passing<const L extends readonly Layer[]>(...layers: L): Known<L, false> {
  return { layers, lasting: false };
}
function lasting<const L extends readonly Layer[]>(...layers: L): Known<L, true> {
  return { layers, lasting: true };
}
function varies<const L extends readonly Layer[]>(...layers: L): Known<L, null> {
  return { layers, lasting: null };
}

/** Lower case, dashes. Those of "system" that begin with an e are errnos. */
export const FAILURES = {
  internal: passing("config", "system", "modem", "ike", "l2tp", "ppp"),
  // config
  chat: lasting("config"),
  disconnected: passing("config"),
  hold: passing("config"),
  idle: passing("config"),
  "invalid-config": lasting("config"),
  "no-address": varies("config", "ppp"),
  stopped: passing("config"),
  "user-changed": passing("config"),
  // system
  eacces: passing("system"),
  eaddrinuse: passing("system"),
  eaddrnotavail: passing("system"),
  eafnosupport: passing("system"),
  ebusy: passing("system"),
  eexist: passing("system"),
  ehostunreach: passing("system"),
  einval: passing("system"),
  eio: passing("system"),
  emfile: passing("system"),
  enetdown: passing("system"),
  enetunreach: passing("system"),
  enobufs: passing("system"),
  enodev: passing("system"),
  enoent: passing("system"),
  enomem: passing("system"),
  enospc: passing("system"),
  enxio: passing("system"),
  eperm: passing("system"),
  etimedout: passing("system"),
  "line-down": passing("system"),
  name: passing("system"),
  netdev: passing("system"),
  "no-daemon": passing("system"),
  "no-route": passing("system"),
  plane: passing("system"),
  system: passing("system"),
  timeout: passing("system"),
  // modem
  blacklisted: lasting("modem"),
  busy: passing("modem"),
  "carrier-lost": passing("modem"),
  delayed: passing("modem"),
  "device-gone": passing("modem"),
  ended: passing("modem"),
  "login-asked": lasting("modem"),
  "login-refused": passing("modem"),
  "modem-abort": passing("modem"),
  "modem-error": passing("modem"),
  "modem-silent": passing("modem"),
  "modem-timeout": passing("modem"),
  "no-carrier": passing("modem"),
  "no-dialtone": passing("modem"),
  "pin-refused": lasting("modem"),
  "sim-locked": lasting("modem"),
  voice: passing("modem"),
  // ike
  "bad-key": passing("ike"),
  "bad-selectors": passing("ike"),
  "dead-peer": passing("ike"),
  expired: passing("ike"),
  full: passing("ike"),
  "id-mismatch": lasting("ike"),
  mode: passing("ike"),
  nat: passing("ike"),
  "no-answer": passing("ike", "modem"),
  "no-natt": passing("ike"),
  "no-proposal": passing("ike"),
  "no-quick-mode": passing("ike"),
  "peer-deleted": passing("ike"),
  "psk-mismatch": passing("ike"),
  refused: passing("ike", "l2tp"),
  superseded: passing("ike"),
  unproved: passing("ike"),
  // l2tp
  "auth-reflected": lasting("l2tp", "ppp"),
  "call-closed": passing("l2tp"),
  "call-order": passing("l2tp"),
  "call-refused": passing("l2tp"),
  "call-timeout": passing("l2tp"),
  closed: passing("l2tp"),
  incomplete: passing("l2tp"),
  "lost-tie": passing("l2tp"),
  "no-call": passing("l2tp"),
  "no-reply": passing("l2tp"),
  "no-tunnel-secret": lasting("l2tp"),
  order: passing("l2tp"),
  "peer-closed": passing("l2tp"),
  "peer-silent": passing("l2tp"),
  tie: passing("l2tp"),
  "tunnel-auth": lasting("l2tp"),
  "unknown-mandatory": passing("l2tp"),
  "unknown-message": passing("l2tp"),
  unreadable: passing("l2tp"),
  version: lasting("l2tp"),
  // ppp
  "account-disabled": lasting("ppp"),
  "address-taken": passing("ppp"),
  "auth-failed": lasting("ppp"),
  "auth-refused": varies("ppp"),
  "auth-timeout": passing("ppp"),
  "bad-certificate": lasting("ppp"),
  "client-certificate": lasting("ppp"),
  crowded: passing("ppp"),
  down: passing("ppp"),
  "echo-timeout": passing("ppp"),
  "ipcp-failed": varies("ppp"),
  "lcp-failed": passing("ppp"),
  "lcp-timeout": passing("ppp"),
  "login-paused": passing("ppp"),
  loop: passing("ppp"),
  "lower-down": passing("ppp"),
  "network-taken": passing("ppp"),
  "no-common-auth": lasting("ppp"),
  "no-dialin-permission": lasting("ppp"),
  "no-encryption": varies("ppp"),
  "no-ipv6": passing("ppp"),
  "no-tls": lasting("ppp"),
  "not-converging": passing("ppp"),
  "password-change-failed": lasting("ppp"),
  "password-expired": lasting("ppp"),
  "peer-terminated": passing("ppp"),
  "pool-empty": passing("ppp"),
  replaced: passing("ppp"),
  "restricted-hours": passing("ppp"),
  role: passing("ppp"),
  "second-login": passing("ppp"),
  "server-certificate": lasting("ppp"),
  "server-full": passing("ppp"),
  "server-not-authentic": lasting("ppp"),
  "tls-failed": passing("ppp"),
  "unknown-user": passing("ppp"),
} as const;
export type FailureCode = keyof typeof FAILURES;
export function failureCodes(): readonly FailureCode[] {
  return Object.keys(FAILURES).filter(isCode).sort();
}

/**
 * Why a link, tunnel, call or SA ended: what `status`, netifd, LuCI and the log show.
 * `code` is stable and machine-readable, `text` one sentence for a person, and `lasting` says that it will hardly mend
 * itself (wrong password), so that a link waits longer before it tries again. It never ends a link: whoever answers in
 * the server's place can cause it too.
 */
export interface Failure {
  readonly layer: Layer;
  readonly code: FailureCode;
  readonly text: string;
  readonly lasting?: boolean;
}

type Table = typeof FAILURES;
/** The codes of one layer. */
type CodeOf<L extends Layer> = {
  [C in FailureCode]: L extends Table[C]["layers"][number] ? C : never;
}[FailureCode];
/** Those of them that are lasting always, or never. */
export type FixedCode<L extends Layer> = {
  [C in CodeOf<L>]: Table[C]["lasting"] extends boolean ? C : never;
}[CodeOf<L>];
type OneLayer = { [C in FailureCode]: Table[C]["layers"]["length"] extends 1 ? C : never }[FailureCode];
/** One more argument where the table does not say whether the failure is lasting. */
type Told<C extends FailureCode> = Table[C]["lasting"] extends boolean ? [] : [lasting: boolean];

export function failureOf<L extends Layer, C extends CodeOf<L>>(
  layer: L,
  code: C,
  text: string,
  ...told: Told<C>
): Failure {
  const known: boolean | null = FAILURES[code].lasting;
  return (known ?? told[0] === true) ? { layer, code, text, lasting: true } : { layer, code, text };
}
/** Of a code that one layer alone uses. */
export function failure<C extends OneLayer>(code: C, text: string, ...told: Told<C>): Failure {
  const known: Known<readonly [Layer], boolean | null> = FAILURES[code];
  const layer = known.layers[0];
  return (known.lasting ?? told[0] === true) ? { layer, code, text, lasting: true } : { layer, code, text };
}
/** For the room of one layer. */
export function failuresOf<L extends Layer>(
  layer: L,
): <C extends CodeOf<L>>(code: C, text: string, ...told: Told<C>) => Failure {
  return (code, text, ...told) => failureOf(layer, code, text, ...told);
}
/** The code of an errno ("EBUSY"). */
export function errnoCode(errno: string): FailureCode {
  const code = errno.toLowerCase();
  return isCode(code) && code.startsWith("e") && FAILURES[code].layers[0] === "system" ? code : "system";
}
function isCode(code: string): code is FailureCode {
  return Object.hasOwn(FAILURES, code);
}

/** What people read where a failure's own text cannot be. Not in the program: LuCI and the reference have it. */
export const TITLES: Readonly<Record<FailureCode, string>> = {
  "account-disabled": "The server has disabled the account",
  "address-taken": "The address is still with another session",
  "auth-failed": "Wrong user name or password",
  "auth-reflected": "The peer sends this side's own challenge back",
  "auth-refused": "The two sides do not agree on who authenticates",
  "auth-timeout": "The peer does not answer during authentication",
  "bad-certificate": "A file of EAP-TLS holds no such certificate or key",
  "bad-key": "The Diffie-Hellman value of the peer is not acceptable",
  "bad-selectors": "The peer does not serve L2TP inside IPsec",
  blacklisted: "The modem has put this number on its black list",
  busy: "The number is busy",
  "call-closed": "The L2TP call ended",
  "call-order": "The peer breaks the order of L2TP messages",
  "call-refused": "The server refused or ended the L2TP call",
  "call-timeout": "The server does not go on with the L2TP call",
  "carrier-lost": "The modem lost the carrier: the other side hung up, or the line broke",
  chat: "The chat script is not valid",
  "client-certificate": "The server refuses the certificate",
  closed: "The L2TP tunnel was closed",
  crowded: "The caller did not say who it is, and made room for another",
  "dead-peer": "The server has fallen silent",
  delayed: "The modem refuses to dial this number again so soon",
  "device-gone": "The serial device is gone",
  disconnected: "Disconnected by hand",
  down: "The session ended",
  eacces: "Permission denied",
  eaddrinuse: "The address or port is in use",
  eaddrnotavail: "The address is not there",
  eafnosupport: "The kernel lacks this address family",
  ebusy: "The device is in use",
  "echo-timeout": "The server no longer answers echo requests",
  eexist: "It is there already",
  ehostunreach: "The host cannot be reached",
  einval: "The system does not accept a value",
  eio: "Input or output failed",
  emfile: "Too many open files",
  ended: "The call ended",
  enetdown: "The network is down",
  enetunreach: "The network cannot be reached",
  enobufs: "No buffer space",
  enodev: "The device is not there",
  enoent: "There is no such device",
  enomem: "Out of memory",
  enospc: "No space is left",
  enxio: "There is nothing behind the device",
  eperm: "The operation is not permitted",
  etimedout: "The system call timed out",
  expired: "The IPsec keys expired and could not be replaced",
  full: "One peer has as many connections as it may",
  hold: "At this time of the day the line stays down",
  "id-mismatch": "The server shows another IKE identity than the configured one",
  idle: "The line was hung up after silence",
  incomplete: "The peer leaves out what L2TP requires",
  internal: "An error of the daemon itself: the log says where",
  "invalid-config": "An option is not valid: ifstatus, the log and l2tpsec check --uci say which",
  "ipcp-failed": "The two sides do not agree on IP addresses",
  "lcp-failed": "The two sides do not agree on the PPP link",
  "lcp-timeout": "The server does not answer PPP",
  "line-down": "The line that the tunnel ran on is down",
  "login-asked": "The other side asks for a login, and there is no user name",
  "login-paused": "After wrong passwords there is a pause",
  "login-refused": "The login was refused",
  loop: "The line is looped back",
  "lost-tie": "The peer opened a tunnel at the same time",
  "lower-down": "The layer below PPP went away",
  mode: "The peer asks for an IKE exchange that is not spoken here",
  "modem-abort": "The modem says that the call failed",
  "modem-error": "The modem does not take a command, or the mobile network refuses",
  "modem-silent": "The modem does not answer",
  "modem-timeout": "The modem does not give the answer that was expected",
  name: "The name of the server does not resolve",
  nat: "There is a NAT on the way, and raw ESP is configured",
  netdev: "The network device is gone",
  "network-taken": "Another user has the same network",
  "no-address": "The server gives no usable IP address",
  "no-answer": "Nobody answers: no IKE from the server, or no modem at the number",
  "no-call": "The tunnel had no call for a minute",
  "no-carrier": "No modem answered, or the two did not agree",
  "no-common-auth": "No authentication method in common",
  "no-daemon": "The daemon l2tpsec is not running: the log says why",
  "no-dialin-permission": "The user has no dial-in permission",
  "no-dialtone": "There is no dial tone",
  "no-encryption": "The peer and this side do not agree on encryption (MPPE)",
  "no-ipv6": "The peer has no IPv6",
  "no-natt": "The server knows no NAT traversal",
  "no-proposal": "No IPsec proposal in common",
  "no-quick-mode": "The peer finished IKE phase 1 and began no phase 2",
  "no-reply": "The L2TP server acknowledges, but does not go on",
  "no-route": "There is no route to the server",
  "no-tls": "EAP-TLS needs OpenSSL, which is not installed",
  "no-tunnel-secret": "The server asks for an L2TP tunnel secret",
  "not-converging": "The two sides do not agree on the PPP options",
  order: "The peer breaks the order of L2TP messages",
  "password-change-failed": "The server could not change the password",
  "password-expired": "The password has expired",
  "peer-closed": "The server closed the L2TP tunnel",
  "peer-deleted": "The server closed the IPsec connection",
  "peer-silent": "The L2TP server does not answer",
  "peer-terminated": "The server ended the PPP session",
  "pin-refused": "The SIM card refuses the PIN",
  plane: "The data plane refuses the IPsec keys",
  "pool-empty": "Every address of the pool is taken",
  "psk-mismatch": "Authentication of IPsec fails: probably the pre-shared key differs",
  refused: "The server refuses the connection",
  replaced: "The user called again",
  "restricted-hours": "The user may not log in at this hour",
  role: "The peer has the wrong role",
  "second-login": "The user is connected already",
  "server-certificate": "The certificate of the server is not accepted",
  "server-full": "The server has its most sessions",
  "server-not-authentic": "The server cannot prove that it knows the password",
  "sim-locked": "The SIM card is locked",
  stopped: "Stopped",
  superseded: "The peer started anew",
  system: "The system refuses: the log says what",
  tie: "Both sides opened a tunnel with the same tie breaker",
  timeout: "Nothing happened for too long",
  "tls-failed": "The TLS handshake failed",
  "tunnel-auth": "The L2TP tunnel secrets differ",
  "unknown-mandatory": "The peer insists on something unknown",
  "unknown-message": "The peer insists on an unknown message",
  "unknown-user": "There is no such user",
  unproved: "The peer began IKE and fell silent",
  unreadable: "The peer sent something unreadable",
  "user-changed": "The configuration of the user changed",
  version: "The peer speaks another version of L2TP",
  voice: "A person or a fax answered, no modem",
};
