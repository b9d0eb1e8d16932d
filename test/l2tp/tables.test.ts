import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { LAC_INCOMING, LAC_OUTGOING, LNS_INCOMING, LNS_OUTGOING, TUNNEL, TUNNEL_MORE } from "../../src/l2tp/tables.ts";
import { AVP } from "../../src/l2tp/wire/avps.ts";
import { MESSAGE } from "../../src/l2tp/wire/messages.ts";

const rfc = readFileSync("test/rfc/rfc2661.txt", "utf8")
  .split(/\r?\n/)
  .filter((l) => !/^(Townsley|RFC 2661)/.test(l));

/** The table under a heading as [state, event, action, next], cells joined over their lines. */
function printed(heading: string): string[][] {
  const at = rfc.findIndex((l) => l.startsWith(heading));
  const head = rfc.findIndex((l, i) => i > at && /^ {3}State {2,}Event/.test(l));
  const ruler = rfc[head + 1] ?? "";
  const columns = [...ruler.matchAll(/-+/g)].map((m) => m.index);
  const rows: string[][] = [];
  for (const l of rfc.slice(head + 2)) {
    if (/^ {3}The states associated/.test(l)) break;
    if (l.trim() === "" || l === "\f") continue;
    const cells = columns.map((c, i) => l.slice(c, columns[i + 1]).trim());
    // A row begins where there is a next state; what follows belongs to it.
    if (cells[3] !== "") rows.push(cells);
    else for (const [i, c] of cells.entries()) if (c !== "") (rows.at(-1) as string[])[i] += ` ${c}`;
  }
  return rows;
}
const words = (s: string): string => s.toLowerCase().replace(/[,.]/g, " ").replace(/\s+/g, " ").trim();

const EVENTS: Readonly<Record<string, readonly string[]>> = {
  "local open request": ["local-open"],
  "local open request (new call)": ["local-open"],
  "admin tunnel close": ["admin-close"],
  "receive sccrq lose tie-breaker": ["SCCRQ-lost-tie"],
  "bearer ring or ready to indicate incoming conn": ["local-open"],
  "bearer line drop or local close request": ["local-close"],
  "local close request or bearer line drop": ["local-close"],
  "bearer line drop local close request": ["local-close"],
  "local close request": ["local-close"],
  "tunnel-open": ["tunnel-open"],
  "bearer answer framing detected": ["bearer-answer"],
  "bearer failure": ["bearer-failure"],
};
function events(cell: string): string[] {
  const w = words(cell);
  const fixed = EVENTS[w];
  if (fixed) return [...fixed];
  const m = /^receive (.*?)( not acceptable| acceptable)?$/.exec(w);
  assert.ok(m, `event ${cell}`);
  return (m[1] as string)
    .split(" ")
    .map((x) => (x === "stopccn" ? "StopCCN" : x.toUpperCase()) + (m[2] === " not acceptable" ? "-bad" : ""));
}
function actions(cell: string): string[] {
  const found = words(cell)
    .replace("initiate local tunnel open", "<openTunnel>")
    .replace("initiate local tunnel-open", "<openTunnel>")
    .replace("send tunnel-open event to waiting sessions", "<tunnelOpen>")
    .replace("re-queue sccrq for idle state", "<requeueSCCRQ>")
    .replace("clean up", "<cleanUp>")
    .replace("open bearer", "<openBearer>")
    .replace("send stopccn", "<sendStopCCN>")
    .replace(/send ([a-z]{3,5})\b/g, (_, n: string) => `<send${n.toUpperCase()}>`);
  return [...found.matchAll(/<(\w+)>/g)].map((m) => m[1] as string);
}

describe("RFC 2661 state tables, row by row", () => {
  const tables = [
    ["7.2.1 Control", TUNNEL],
    ["7.4.1 LAC", LAC_INCOMING],
    ["7.4.2 LNS", LNS_INCOMING],
    ["7.5.1 LAC", LAC_OUTGOING],
    ["7.5.2 LNS", LNS_OUTGOING],
  ] as const;
  for (const [heading, table] of tables) {
    test(heading, () => {
      const want = printed(heading).map(([s, e, a, n]) => [
        words(s as string).split(" "),
        events(e as string),
        actions(a as string),
        words(n as string),
      ]);
      // "up" is ours: the RFC says no more than the state "established".
      const mine = table.map(([s, e, a, n]) => [[...s], [...e], a.filter((x) => x !== "up"), n]);
      assert.ok(want.length >= 10);
      assert.deepEqual(mine, want);
    });
  }
});

test("every row can be reached from idle, and from every state there is a way back", () => {
  for (const table of [[...TUNNEL, ...TUNNEL_MORE], LAC_INCOMING, LNS_INCOMING, LAC_OUTGOING, LNS_OUTGOING]) {
    const steps = table.flatMap(([states, events, , next]) =>
      states.flatMap((s) => events.map(() => [s as string, next as string] as const)),
    );
    const reach = (from: string): Set<string> => {
      const seen = new Set([from]);
      for (const s of seen) for (const [a, b] of steps) if (a === s) seen.add(b);
      return seen;
    };
    for (const [state] of steps) assert.ok(reach("idle").has(state) && reach(state).has("idle"), state);
  }
});

describe("RFC 2661 messages and AVPs against the text", () => {
  const heading: Record<string, string> = {};
  for (const l of rfc) {
    const m = /^6\.\d+ .*\((SCCRQ|SCCRP|SCCCN|StopCCN|HELLO|ICRQ|ICRP|ICCN|OCRQ|OCRP|OCCN|CDN|WEN|SLI)\)\s*$/.exec(l);
    if (m) heading[m[1] as string] = l;
  }
  const key = (title: string): string => title.toLowerCase().replace(/[^a-z0-9]/g, "");
  const ALIAS: Record<string, string> = {
    assignedsessionid: "assignedcallid",
    q931causecode: "q931cause",
    framingcapabilities: "framingcapabilities",
    txconnectspeedbps: "txconnectspeed",
    txconnectspeed: "txconnectspeed",
    rxconnectspeedbps: "rxconnectspeed",
    initialreceivedlcpconfreq: "initialreceivedconfreq",
    lastsentlcpconfreq: "lastsentconfreq",
    lastreceivedlcpconfreq: "lastreceivedconfreq",
    resultcode: "resultcode",
    calledphonenumber: "callednumber",
    accm: "accm",
  };
  const norm = (t: string): string => ALIAS[key(t)] ?? key(t);
  test("what each message must and may carry (§6)", () => {
    let compared = 0;
    for (const [name, spec] of Object.entries(MESSAGE)) {
      const title = heading[name];
      if (title === undefined) continue;
      const at = rfc.lastIndexOf(title);
      const body: string[] = [];
      for (const l of rfc.slice(at + 1)) {
        if (/^\d+\.\d* /.test(l)) break;
        body.push(l);
      }
      const text = body.join("\n");
      const [must = "", may = ""] = text.split(/MAY be present/);
      const known = new Map(Object.keys(AVP).map((n) => [key(n), n]));
      const list = (s: string): string[] =>
        s
          .split("\n")
          .map((l) => known.get(norm(l.trim())) ?? "")
          .filter((n) => n !== "" && n !== "messageType")
          .sort();
      assert.deepEqual([...spec.must].sort(), list(must), `${name} must`);
      assert.deepEqual([...spec.may].sort(), list(may), `${name} may`);
      compared++;
    }
    assert.ok(compared >= 10, `${compared} messages found in the text`);
  });
});
