// Status, events and doctor's findings as terminal text. Peer-chosen text is quoted here, by quote().
import { type Event, line, quote, SENTENCE_MOST } from "../core/events.ts";
import type { Failure } from "../core/failures.ts";
import type { ClientStatus, SerialStatus, ServerStatus, Stage, Status, UnusedStatus } from "../link/status.ts";

type Paint = (colour: "green" | "yellow" | "red" | "dim" | "bold", text: string) => string;
const CODES = { green: 32, yellow: 33, red: 31, dim: 2, bold: 1 } as const;
function painter(terminal: boolean): Paint {
  return (c, t) => (terminal ? `\x1b[${CODES[c]}m${t}\x1b[0m` : t);
}
const MARK = { ok: "✓", busy: "…", failed: "✗" } as const;
const COLOUR = { ok: "green", busy: "yellow", failed: "red" } as const;

export function renderEvent(e: Event): string {
  return line(e);
}
export function renderDoctor(s: Stage, terminal: boolean): string {
  const paint = painter(terminal);
  return `${paint(COLOUR[s.state], MARK[s.state])} ${s.name.padEnd(6)} ${plain(s.text)}\n`;
}

/** Human-readable bytes: 1,234,567 is "1.2 MB". */
export function bytes(n: number): string {
  if (n < 1000) return `${n} B`;
  for (const [unit, size] of [
    ["GB", 1e9],
    ["MB", 1e6],
    ["kB", 1e3],
  ] as const)
    if (n >= size) return `${(n / size).toFixed(1)} ${unit}`;
  return `${n} B`;
}

export function renderStatus(status: Readonly<Record<string, Status>>, terminal: boolean): string {
  const paint = painter(terminal);
  const out: string[] = [];
  for (const [name, s] of Object.entries(status)) {
    if ("section" in s) out.push(unused(name, s, paint));
    else out.push(s.kind === "server" ? server(name, s, paint) : link(name, s, paint));
  }
  return out.length === 0 ? "no interface and no server is configured\n" : out.join("\n");
}

function stateText(state: string, paint: Paint): string {
  if (state === "up") return paint("green", state);
  return paint(state === "down" ? "red" : "yellow", state);
}
function unused(name: string, s: UnusedStatus, paint: Paint): string {
  const rows = [`${paint("bold", name)}: ${paint("red", s.kind)} (${s.section})`];
  return `${[...rows, ...(s.error ? [errorRow(s.error, paint)] : [])].join("\n")}\n`;
}
function traffic(s: Pick<ClientStatus, "rx_bytes" | "rx_packets" | "tx_bytes" | "tx_packets">): string {
  return `in ${bytes(s.rx_bytes)} (${s.rx_packets} packets), out ${bytes(s.tx_bytes)} (${s.tx_packets} packets)`;
}
/** Our texts may contain a peer's: reduced to one line without escape sequences. */
function plain(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : quote(text, SENTENCE_MOST);
}
function dropText(drops: Readonly<Record<string, number>>): string {
  return Object.entries(drops)
    .filter(([, n]) => n > 0)
    .map(([k, n]) => `${k} ${n}`)
    .join(", ");
}

/** A link that this side initiates. */
function link(name: string, s: ClientStatus | SerialStatus, paint: Paint): string {
  const rows: string[] = [`${paint("bold", name)}: ${stateText(s.state, paint)} since ${s.since}, ${what(s)}`];
  for (const g of s.stages)
    rows.push(`  ${paint(COLOUR[g.state], MARK[g.state])} ${g.name.padEnd(6)} ${plain(g.text)}`);
  if (s.state === "up") {
    const found = s.mtu_source === "probe" ? " (longer packets are lost on the way)" : "";
    const speed = "speed" in s && s.speed > 0 ? `, ${s.speed} bit/s` : "";
    const user = "user" in s && s.user !== null ? `, user ${quote(s.user)}` : "";
    const dns = s.dns.length > 0 ? `, DNS ${s.dns.join(" ")}` : "";
    rows.push(`  ${s.ifname}: ${s.local_ip} to ${s.remote_ip}, MTU ${s.mtu}${found}${speed}${user}${dns}`);
    rows.push(`  ${traffic(s)}`);
  }
  if ("l2tp" in s && s.l2tp?.links) rows.push(`  ${s.l2tp.links} links in a Multilink bundle`);
  if ("l2tp" in s && s.l2tp?.line_errors) rows.push(`  the peer's line has ${s.l2tp.line_errors}`);
  if ("ipsec" in s && s.ipsec === "off") rows.push(`  ${paint("red", "IPsec is off: this tunnel is in the clear")}`);
  if (s.error) rows.push(errorRow(s.error, paint));
  if (s.backup) rows.push(`  ${s.backup.text}`);
  if (s.stopped !== null && !s.error) rows.push(`  ${s.stopped}`);
  if (s.retry_in !== null) rows.push(`  next attempt in ${s.retry_in} s`);
  return whole(rows, s.drops, paint);
}
function what(s: ClientStatus | SerialStatus): string {
  if (s.kind === "client") return `client of ${s.server}`;
  return `${s.role === "answer" ? "answers calls on" : "dials on"} ${s.device}`;
}
function errorRow(e: Failure, paint: Paint): string {
  return `  ${paint("red", `${e.layer} ${e.code}`)}: ${plain(e.text)}`;
}
function whole(rows: readonly string[], drops: Readonly<Record<string, number>>, paint: Paint): string {
  const d = dropText(drops);
  return `${[...rows, ...(d === "" ? [] : [paint("dim", `  drops: ${d}`)])].join("\n")}\n`;
}

function times(f: { readonly count: number; readonly at: string }): string {
  return f.count === 1 ? ` at ${f.at}` : ` ${f.count} times, last at ${f.at}`;
}
function server(name: string, s: ServerStatus, paint: Paint): string {
  const elsewhere = s.sessions_left_out ?? 0;
  const where = `server on ${s.listen}, ${s.sessions.length + elsewhere} sessions`;
  const rows: string[] = [
    `${paint("bold", name)}: ${stateText(s.state, paint)} since ${s.since}, ${where}`,
    `  ${s.ifname}: ${s.local_ip}, ${traffic(s)}`,
  ];
  if (s.dataplane_why !== "") rows.push(`  ${s.dataplane}; ${plain(s.dataplane_why)}`);
  if (s.ipsec === "off") rows.push(`  ${paint("red", "IPsec is off: these tunnels are in the clear")}`);
  for (const r of s.radius ?? []) {
    const at = `${r.name} (${r.address}${r.tls ? ", TLS" : ""})`;
    rows.push(`  RADIUS ${at}: ${r.state}, ${r.answers} answers${r.why === "" ? "" : `: ${plain(r.why)}`}`);
  }
  for (const f of s.failures)
    rows.push(`  ${paint("red", `${f.layer} ${f.code}`)} ${f.peer}${times(f)}: ${plain(f.text)}`);
  for (const x of s.sessions) {
    const who = `#${x.session} ${quote(x.user)} ${x.ip} on ${x.ifname} from ${x.peer} (${x.auth})`;
    rows.push(`  ${who} since ${x.since}, in ${bytes(x.rx_bytes)}, out ${bytes(x.tx_bytes)}`);
    const six = [x.ipv6_prefix, x.ipv6_delegated_prefix && `delegated ${x.ipv6_delegated_prefix}`].filter((w) => w);
    if (six.length > 0) rows.push(`    IPv6 ${six.join(", ")}`);
    const not = ", which is not enforced";
    for (const l of x.links ?? []) rows.push(`    a further link #${l.session} from ${l.peer} since ${l.since}`);
    if (x.line_errors) rows.push(`    its line has ${x.line_errors}`);
    if (x.filter) rows.push(`    RADIUS says filter ${quote(x.filter)}${not}`);
    if (x.rate) rows.push(`    RADIUS says rate ${quote(x.rate)}${x.rate_enforced ? "" : not}`);
  }
  if (elsewhere > 0) rows.push(`  ${elsewhere} sessions are not shown`);
  if (s.error) rows.push(errorRow(s.error, paint));
  return whole(rows, s.drops, paint);
}
