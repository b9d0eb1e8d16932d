// Whose tunnel a server takes, who gets which address, and when no packet may pass: whole daemons on the virtual clock.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Packet } from "../../src/core/packet.ts";
import type { CallChannel, L2tpRemote } from "../../src/dataplane/dataplane.ts";
import { encodeMessage } from "../../src/l2tp/wire/avp.ts";
import { writeControl } from "../../src/l2tp/wire/header.ts";
import { client, clientConf, SERVER_CONF, type Site, server, World } from "./world.ts";

const SERVER_IP = "198.51.100.2";
/** Where the value of the first AVP ends (RFC 2661 §3.1, §4.1), and what it is in a StopCCN (§3.2). */
const MESSAGE_TYPE = 19;
const STOP_CCN = 4;
const sccrq = writeControl(
  { tunnelId: 0, callId: 0, Ns: 0, Nr: 0 },
  encodeMessage("SCCRQ", {
    protocolVersion: 0x100,
    hostName: "x",
    framingCapabilities: 3,
    assignedTunnelId: 7,
  }),
);

/** How many answers an SCCRQ from `remote` gets. */
async function answers(w: World, s: Site, remote: Partial<L2tpRemote>): Promise<number> {
  const { l2tp } = s.plane;
  let n = 0;
  const send = l2tp.sendControl.bind(l2tp);
  l2tp.sendControl = () => n++ >= 0;
  const whole = {
    key: `test ${JSON.stringify(remote)}`,
    flow: 0,
    address: "203.0.113.9",
    port: 1701,
    localAddress: SERVER_IP,
    localPort: 1701,
    ...remote,
  };
  l2tp.onControl(whole, Packet.of(sccrq));
  await w.run(50);
  l2tp.sendControl = send;
  return n;
}
const up = (w: World, b: Site, ...clients: Site[]): Promise<number> =>
  w.until(() => clients.every((c) => client(c).state === "up"), 10_000, "up", b, ...clients);
const dial = (w: World, name: string, address: string, conf: string): Site => w.site(w.net.host(name, [address]), conf);
const as = (user: string): string => clientConf().replace("username = branch", `username = ${user}`);

test("with IPsec a server takes tunnels from its own flows: not in the clear, not from another flow", async () => {
  const w = new World();
  const b = w.site(w.net.host("b", [SERVER_IP]), SERVER_CONF);
  const a = dial(w, "a", "203.0.113.1", clientConf());
  await up(w, b, a);
  assert.equal(await answers(w, b, { flow: 1 }), 1, "the flow of the client");
  for (const flow of [0, 2, 77]) assert.equal(await answers(w, b, { flow }), 0, `flow ${flow}`);
  assert.equal(await answers(w, a, { flow: 1 }), 0, "a client serves nobody");
});
test("in the clear a server answers where it listens, and no IPsec flow", async () => {
  const w = new World();
  const b = w.site(w.net.host("b", [SERVER_IP]), SERVER_CONF.replace("psk = swordfish", "ipsec = off"));
  await w.run(100);
  assert.equal(await answers(w, b, {}), 1);
  assert.equal(await answers(w, b, { localAddress: "198.51.100.3" }), 0);
  assert.equal(await answers(w, b, { flow: 5 }), 0);
});

test("the server's own address and the fixed ones are not in the pool", async () => {
  const w = new World();
  const its = SERVER_CONF.replace("local_ip = 10.99.0.1", "local_ip = 10.99.0.10");
  const conf = `${its.replace("ip = 10.99.0.100", "ip = 10.99.0.11")}\n[user third]\npassword = wonderland\n`;
  const b = w.site(w.net.host("b", [SERVER_IP]), conf);
  const second = dial(w, "two", "203.0.113.2", as("second"));
  await up(w, b, second);
  assert.equal(client(second).local_ip, "10.99.0.12");
  const third = dial(w, "three", "203.0.113.3", as("third"));
  await w.until(() => client(third).error !== null, 10_000, "no address", third, b);
  assert.notEqual(client(third).state, "up");
});
test("a user's time-outs: of the session, and of silence", async () => {
  const w = new World();
  const limits = "[user third]\npassword = wonderland\nidle_timeout = 120\n[user second]\nsession_timeout = 600";
  const b = w.site(w.net.host("b", [SERVER_IP]), SERVER_CONF.replace("[user second]", limits));
  const at = (i: number, user: string): Site =>
    dial(
      w,
      `c${i}`,
      `203.0.113.${i}`,
      as(user).replace("[interface hq]", "[interface hq]\nreconnect_min = 3600\nreconnect_max = 3600"),
    );
  const [free, timed, quiet] = [at(1, "branch"), at(2, "second"), at(3, "third")];
  await up(w, b, free, timed, quiet);
  const users = (): string[] =>
    server(b)
      .sessions.map((s) => s.user)
      .sort();
  const ended = (user: string): string[] =>
    b.events.flatMap((e) => (e.kind === "session.down" && e.user === user ? [e.code] : []));
  // Keepalives and IKE's own packets are no traffic of the user's.
  await w.run(170_000);
  assert.deepEqual([users(), ended("third")], [["branch", "second"], ["idle"]]);
  await w.run(420_000);
  assert.deepEqual(users(), ["branch", "second"]);
  await w.run(30_000);
  assert.deepEqual([users(), ended("second")], [["branch"], ["session-timeout"]]);
});
test("a user calls the server that the section names", async () => {
  const w = new World();
  const [server = ""] = SERVER_CONF.replace("server lns", "server two").replaceAll("10.99.0", "10.98.0").split("[user");
  const users = SERVER_CONF.replace("[user second]", "[user second]\nserver = two");
  const conf = `${server.replace(SERVER_IP, "198.51.100.3")}\n${users}`;
  const b = w.site(w.net.host("b", [SERVER_IP, "198.51.100.3"]), conf);
  const right = dial(w, "right", "203.0.113.2", as("second").replace(SERVER_IP, "198.51.100.3"));
  const wrong = dial(w, "wrong", "203.0.113.3", as("second"));
  await up(w, b, right);
  await w.until(() => client(wrong).error !== null, 10_000, "refused", wrong, b);
  assert.equal(client(wrong).error?.code, "auth-failed");
});
test("sessions by pages, from server to server, or of one user; a server's counters are of all of them", async () => {
  const w = new World();
  const users = [1, 2, 3].map((i) => `[user u${i}]\npassword = wonderland\n`).join("");
  const [first = ""] = SERVER_CONF.split("[user");
  const second = first.replace("server lns", "server two").replaceAll("10.99.0", "10.98.0");
  const b = w.site(
    w.net.host("b", [SERVER_IP, "198.51.100.3"]),
    `${first}${second.replace(SERVER_IP, "198.51.100.3")}${users}`,
  );
  const at = (i: number, to: string): Site => dial(w, `c${i}`, `203.0.113.${i}`, as(`u${i}`).replace(SERVER_IP, to));
  await up(w, b, at(1, SERVER_IP), at(2, SERVER_IP), at(3, "198.51.100.3"));
  const page = (from: number, count: number, user: string | null = null): unknown[] =>
    Object.values(b.daemon.status(null, { from, count, user })).map((s) =>
      s.kind === "server" ? [s.sessions.map((x) => x.user).sort(), s.sessions_left_out ?? 0] : s.kind,
    );
  const whole = [
    [["u1", "u2"], 0],
    [["u3"], 0],
  ];
  assert.deepEqual(page(0, Number.POSITIVE_INFINITY), whole);
  assert.deepEqual(page(0, 0), [
    [[], 2],
    [[], 1],
  ]);
  assert.deepEqual(page(2, 5), [[[], 2], whole[1]]);
  assert.deepEqual(page(0, 2), [whole[0], [[], 1]]);
  assert.deepEqual(page(0, 9, "u2"), [
    [["u2"], 0],
    [[], 0],
  ]);
  assert.match(b.daemon.metrics(false), /^l2tpsec_server_sessions\{server="lns"\} 2$/m);
});
test("another configuration: who is not in it any more is out, and who stays keeps the address", async () => {
  const w = new World();
  const b = w.site(w.net.host("b", [SERVER_IP]), SERVER_CONF);
  const one = dial(w, "one", "203.0.113.1", as("branch"));
  const two = dial(w, "two", "203.0.113.2", as("second"));
  await up(w, b, one, two);
  const its = client(two).local_ip;
  b.reload(`${SERVER_CONF.replace("[user branch]", "[user other]")}\n[user third]\npassword = wonderland\n`);
  await w.until(() => client(one).state !== "up", 5000, "the session of the user who is gone", b, one);
  assert.deepEqual(
    server(b).sessions.map((s) => s.user),
    ["second"],
  );
  assert.equal(server(b).ended.sessions, 1, "what it carried is not forgotten");
  const three = dial(w, "three", "203.0.113.3", as("third"));
  await up(w, b, three);
  assert.notEqual(client(three).local_ip, its);
  assert.deepEqual(new Set(server(b).sessions.map((s) => s.ip)).size, 2);
});

test("while PPP negotiates anew no packet passes, at either end", async () => {
  const w = new World();
  const b = w.site(w.net.host("b", [SERVER_IP]), SERVER_CONF);
  const a = w.site(w.net.host("a", ["203.0.113.1"]), clientConf());
  const channels: CallChannel[] = [];
  const attach = a.plane.net.attachClient.bind(a.plane.net);
  a.plane.net.attachClient = (channel, cfg) => {
    channels.push(channel);
    return attach(channel, cfg);
  };
  await up(w, b, a);
  await w.run(100);
  const sessions = (): number | undefined => b.plane.net.devices.get("l2tps-lns")?.sessions.size;
  assert.deepEqual([sessions(), a.plane.net.devices.has("l2tps-hq")], [1, true]);
  // LCP Configure-Request without options: the server begins anew, and asks the client in turn.
  channels[0]?.send(Packet.of(Uint8Array.of(0xff, 3, 0xc0, 0x21, 1, 99, 0, 4)));
  let [server0, client0] = [false, false];
  for (let i = 0; i < 40; i++) {
    await w.run(2);
    server0 ||= sessions() === 0;
    client0 ||= !a.plane.net.devices.has("l2tps-hq");
  }
  assert.deepEqual([server0, client0], [true, true]);
  await w.until(() => sessions() === 1 && a.plane.net.devices.has("l2tps-hq"), 5000, "up again", a, b);
});

test("a router without AES instructions gets ChaCha20-Poly1305, others get AES-GCM", async () => {
  for (const [own, theirs, cipher] of [
    ["aes", "aes", "aes256gcm16"],
    ["chacha20", "aes", "chacha20poly1305"],
    ["chacha20", "chacha20", "chacha20poly1305"],
  ] as const) {
    const w = new World();
    const b = w.site(w.net.host("b", [SERVER_IP]), SERVER_CONF, { faster: theirs });
    const a = w.site(w.net.host("a", ["203.0.113.1"]), clientConf(), { faster: own });
    await up(w, b, a);
    assert.equal(client(a).esp?.proposal, cipher, `${own} to ${theirs}`);
  }
});
test("a server that ends says goodbye to as many as time allows", async () => {
  for (const [each, said] of [
    [0, 5],
    [300, 2],
    [5000, 1],
  ] as const) {
    const w = new World();
    const users = [1, 2, 3, 4, 5];
    const conf = SERVER_CONF.replace("psk = swordfish", "ipsec = off").replace("10.99.0.12", "10.99.0.20");
    const b = w.site(
      w.net.host("b", [SERVER_IP]),
      `${conf}${users.map((i) => `\n[user u${i}]\npassword = wonderland\n`).join("")}`,
    );
    const clear = (i: number): string => as(`u${i}`).replace("psk = swordfish", "ipsec = off");
    const clients = users.map((i) => dial(w, `c${i}`, `203.0.113.${i}`, clear(i)));
    await up(w, b, ...clients);
    const { l2tp } = b.plane;
    const send = l2tp.sendControl.bind(l2tp);
    let goodbyes = 0;
    l2tp.sendControl = (remote, message) => {
      w.clock.busy(each);
      if (message[MESSAGE_TYPE] === STOP_CCN) goodbyes++;
      return send(remote, message);
    };
    let ended = false;
    b.daemon.stop("the test ends", () => {
      ended = true;
    });
    await w.run(5000);
    assert.ok(ended);
    // Half of 1.5 s is StopCCN's, the other half is for IKE's deletes.
    assert.equal(goodbyes, said, `${each} ms each`);
  }
});
