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
  "main-up": passing("config"),
  "session-timeout": passing("config"),
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
  moved: passing("system"),
  name: passing("system"),
  netdev: passing("system"),
  "no-daemon": passing("system"),
  "no-kernel-plane": lasting("system"),
  "no-route": passing("system"),
  plane: passing("system"),
  "plane-silent": passing("system"),
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
  "cert-crl": passing("ike"),
  "cert-expired": lasting("ike"),
  "cert-malformed": lasting("ike"),
  "cert-missing": lasting("ike"),
  "cert-name": lasting("ike"),
  "cert-not-yet-valid": passing("ike"),
  "cert-refused": passing("ike"),
  "cert-revoked": lasting("ike"),
  "cert-signature": passing("ike"),
  "cert-untrusted": lasting("ike"),
  "cert-usage": lasting("ike"),
  "cert-weak": lasting("ike"),
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
  "own-certificate": lasting("ike"),
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
  bundle: passing("ppp"),
  "client-certificate": lasting("ppp"),
  crowded: passing("ppp"),
  down: passing("ppp"),
  "echo-timeout": passing("ppp"),
  grant: passing("ppp"),
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
  radius: passing("ppp"),
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
  "account-disabled": "The account is disabled on the server",
  "address-taken": "Another session still uses the address",
  "auth-failed": "Wrong user name or password",
  "auth-reflected": "The peer sends this side's own challenge back",
  "auth-refused": "The two sides do not agree on who authenticates",
  "auth-timeout": "The peer does not answer during authentication",
  "bad-certificate": "The EAP-TLS certificate or key file cannot be used",
  "bad-key": "The peer's Diffie-Hellman value is not acceptable",
  "bad-selectors": "The peer does not serve L2TP inside IPsec",
  blacklisted: "The modem has blacklisted this number",
  bundle: "The link does not fit into the user's Multilink bundle",
  busy: "The number is busy",
  "call-closed": "The L2TP call ended",
  "call-order": "The peer sent an L2TP call message out of order",
  "call-refused": "The server refused or ended the L2TP call",
  "call-timeout": "The L2TP call was not set up in time",
  "carrier-lost": "Carrier lost: the other side hung up, or the line broke",
  "cert-crl": "The peer's certificate cannot be checked for revocation: there is no valid CRL of its CA",
  "cert-expired": "The peer's certificate has expired",
  "cert-malformed": "The peer's certificate cannot be read",
  "cert-missing": "The peer sends no certificate",
  "cert-name": "The peer's certificate is for another name",
  "cert-not-yet-valid": "The peer's certificate is not valid yet: check the clock",
  "cert-refused": "The peer probably refuses this side's certificate",
  "cert-revoked": "The peer's certificate was revoked",
  "cert-signature": "The peer's signature does not fit its certificate",
  "cert-untrusted": "The peer's certificate comes from another CA",
  "cert-usage": "The peer's certificate is not for this purpose",
  "cert-weak": "The peer's certificate has a weak key or signature",
  chat: "The chat script is invalid",
  "client-certificate": "The server refuses the client certificate",
  closed: "The L2TP tunnel was closed",
  crowded: "An unauthenticated caller made room for another",
  "dead-peer": "The server stopped answering (dead peer detection)",
  delayed: "The modem refuses to redial this number so soon",
  "device-gone": "The serial device is gone",
  disconnected: "Disconnected by an administrator",
  down: "The session ended",
  eacces: "Permission denied",
  eaddrinuse: "The address or port is in use",
  eaddrnotavail: "The address does not exist on this host",
  eafnosupport: "The kernel does not support this address family",
  ebusy: "The device is in use",
  "echo-timeout": "The server no longer answers echo requests",
  eexist: "It already exists",
  ehostunreach: "The host is unreachable",
  einval: "The system rejects a value",
  eio: "Input/output error",
  emfile: "Too many open files",
  ended: "The call ended",
  enetdown: "The network is down",
  enetunreach: "The network is unreachable",
  enobufs: "No buffer space",
  enodev: "The device does not exist",
  enoent: "No such file or device",
  enomem: "Out of memory",
  enospc: "No space left",
  enxio: "There is no hardware behind the device",
  eperm: "Operation not permitted",
  etimedout: "The system call timed out",
  expired: "The IPsec keys expired and could not be replaced",
  full: "The peer has reached its limit of connections",
  grant: "RADIUS grants the user what this server cannot give",
  hold: "The line is on hold at this time of the day",
  "id-mismatch": "The server's IKE identity is not the configured one",
  idle: "Hung up after the idle timeout",
  incomplete: "The peer omits an AVP that L2TP requires",
  internal: "Internal error of the daemon: see the log",
  "invalid-config": "An option is invalid: see ifstatus, the log or l2tpsec check --uci",
  "ipcp-failed": "No agreement on IP addresses (IPCP)",
  "lcp-failed": "No agreement on the PPP link (LCP)",
  "lcp-timeout": "The server does not answer PPP",
  "line-down": "The line below the tunnel is down",
  "login-asked": "The other side asks for a login, but no user name is set",
  "login-paused": "Login is paused after wrong passwords",
  "login-refused": "The login was refused",
  loop: "The line is looped back",
  "lost-tie": "The peer opened a tunnel at the same time, and its tie breaker won",
  "lower-down": "The layer below PPP went down",
  "main-up": "The link that this one is a backup for is up again",
  mode: "The peer asks for an unsupported IKE exchange",
  "modem-abort": "The modem reports that the call failed",
  "modem-error": "The modem rejects a command, or the mobile network refuses",
  "modem-silent": "The modem does not answer",
  "modem-timeout": "The modem did not give the expected answer in time",
  moved: "The way to the server changed",
  name: "The server's name does not resolve",
  nat: "There is a NAT on the path, but only raw ESP is allowed",
  netdev: "The network device is gone",
  "network-taken": "Another session already has the same network",
  "no-address": "The server assigns no usable IP address",
  "no-answer": "No answer: no IKE from the server, or no modem at the number",
  "no-call": "The tunnel was closed because it carried no call",
  "no-carrier": "No modem answered, or the modems did not agree",
  "no-common-auth": "No common authentication method",
  "no-daemon": "The daemon l2tpsec is not running: see the log",
  "no-dialin-permission": "The user has no dial-in permission",
  "no-dialtone": "No dial tone",
  "no-encryption": "No agreement on encryption (MPPE)",
  "no-ipv6": "The peer does not support IPv6",
  "no-kernel-plane": "The kernel cannot carry the packets of this link",
  "no-natt": "The server does not support NAT traversal",
  "no-proposal": "No common IPsec proposal",
  "no-quick-mode": "The peer finished IKE phase 1 but did not start phase 2",
  "no-reply": "The L2TP server acknowledges, but does not answer",
  "no-route": "No route to the server",
  "no-tls": "EAP-TLS needs OpenSSL, which is not installed",
  "no-tunnel-secret": "The server asks for an L2TP tunnel secret",
  "not-converging": "PPP negotiation does not converge",
  order: "The peer sent an L2TP message out of order",
  "own-certificate": "The certificate, key, CA or CRL file for IPsec cannot be used",
  "password-change-failed": "The server could not change the password",
  "password-expired": "The password has expired",
  "peer-closed": "The server closed the L2TP tunnel",
  "peer-deleted": "The server closed the IPsec connection",
  "peer-silent": "The L2TP server does not answer",
  "peer-terminated": "The server ended the PPP session",
  "pin-refused": "The SIM card refuses the PIN",
  plane: "The data plane rejects the IPsec keys",
  "plane-silent": "Nothing comes back through the kernel's IPsec",
  "pool-empty": "The address pool is exhausted",
  "psk-mismatch": "IPsec authentication failed: the pre-shared key probably differs",
  radius: "No RADIUS server answers as it should",
  refused: "The server refuses the connection",
  replaced: "The user called again",
  "restricted-hours": "The user may not log in at this time",
  role: "The peer has the wrong role",
  "second-login": "The user is already connected",
  "server-certificate": "The server's certificate is not accepted",
  "server-full": "The server has reached its limit of sessions",
  "server-not-authentic": "The server cannot prove that it knows the password",
  "session-timeout": "The user's time is over",
  "sim-locked": "The SIM card is locked",
  stopped: "Stopped",
  superseded: "The peer started a new connection",
  system: "A system call failed: see the log",
  tie: "Both sides opened a tunnel with the same tie breaker",
  timeout: "Nothing happened for too long",
  "tls-failed": "The TLS handshake failed",
  "tunnel-auth": "The L2TP tunnel secrets differ",
  "unknown-mandatory": "The peer sent an unknown mandatory AVP",
  "unknown-message": "The peer sent an unknown mandatory message",
  "unknown-user": "No such user",
  unproved: "The peer started IKE and fell silent",
  unreadable: "The peer sent a message that cannot be decoded",
  "user-changed": "The user's configuration changed",
  version: "The peer speaks another version of L2TP",
  voice: "A person or a fax answered, not a modem",
};
