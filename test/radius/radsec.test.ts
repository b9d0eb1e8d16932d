// RADIUS over TLS: framing, what closes a connection, what becomes of its questions, and the watchdog.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { concat } from "../../src/core/text.ts";
import { Attributes } from "../../src/radius/attributes.ts";
import { RadiusClient } from "../../src/radius/client.ts";
import { CODE, readRadius, writeSigned } from "../../src/radius/packet.ts";
import type { Answer, RadiusServer } from "../../src/radius/peers.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { type Asked, accept, RadiusNet, SECRET } from "./double.ts";
import { type Connection, RADSEC, RadsecNet, type Server } from "./radsec-net.ts";
import { writeAnswer } from "./sealing.ts";

function world(...names: ("tls" | "tls2" | "udp")[]) {
  const clock = new VirtualClock();
  const net = new RadsecNet(clock);
  const udp = new RadiusNet(clock);
  const faults: unknown[] = [];
  const told: Uint8Array[] = [];
  const address = { tls: "192.0.2.1", tls2: "192.0.2.2", udp: "192.0.2.3" };
  const servers = (names.length === 0 ? (["tls"] as const) : names).map(
    (name): RadiusServer => ({
      name,
      address: address[name],
      port: name === "udp" ? 1812 : 2083,
      acctPort: 1813,
      secret: name === "udp" ? SECRET : RADSEC,
      timeoutMs: 5000,
      deadMs: 60_000,
      tls: name === "udp" ? null : net.newTls,
    }),
  );
  const asked = (_: RadiusServer, data: Uint8Array): Uint8Array | null => {
    told.push(data);
    return Uint8Array.of(7, 7, 0, 4);
  };
  const client = new RadiusClient({ clock, crypto, udp, tcp: net, asked, fault: (e) => void faults.push(e) }, servers);
  const answers: (Answer | string)[] = [];
  const ask = (code: number = CODE.accessRequest, done = (a: Answer | string): void => void answers.push(a)) =>
    client.ask({ code, attributes: () => new Attributes().add("User-Name", "nemo"), done });
  const serve = (s: Server, name: "tls" | "tls2" = "tls"): void => void net.servers.set(address[name], s);
  const end = (): void => {
    client.close("the end");
    clock.advance(100);
    assert.deepEqual([net.open, client.size, clock.size, faults], [0, 0, 0, []]);
    assert.ok(
      net.tls.every((t) => t.closed),
      "keys are wiped",
    );
  };
  return { clock, net, udp, client, answers, ask, faults, told, serve, end, servers };
}
const from = (a: Answer | string | undefined): string => (typeof a === "object" ? a.server.name : String(a));
const good = (q: Asked): void => {
  q.answer(q.packet.code === CODE.accountingRequest ? CODE.accountingResponse : CODE.accessAccept);
};

describe("a connection", () => {
  test("is made when somebody asks, and carries logins and accounting alike", () => {
    const { clock, net, answers, ask, serve, client, end } = world();
    serve({ ask: good });
    clock.advance(1000);
    assert.equal(net.connections.length, 0);
    ask();
    ask(CODE.accountingRequest);
    assert.equal(answers.length, 0, "never inside ask()");
    clock.advance(100);
    assert.deepEqual(answers.map(from), ["tls", "tls"]);
    assert.equal(net.connections.length, 1);
    assert.equal(client.servers()[0]?.state, "ok");
    assert.ok(net.asked.every((q) => q.packet.id !== 0));
    end();
  });
  test("sends nothing twice (RFC 6613 §2.6.1), and one that is silent is closed", () => {
    const { clock, net, answers, ask, serve, client, end } = world();
    serve({});
    ask();
    clock.advance(4900);
    assert.deepEqual([net.asked.length, answers.length, net.open], [1, 0, 1]);
    clock.advance(200);
    assert.match(String(answers[0]), /RADIUS server tls \(192\.0\.2\.1\) does not answer/);
    assert.deepEqual([net.open, client.servers()[0]?.state], [0, "silent"]);
    end();
  });
  test("answers in any pieces, two in one, and cut at every byte", () => {
    const { clock, answers, ask, serve, end } = world();
    let piece = 1;
    const held: Uint8Array[] = [];
    serve({
      ask: (q, c) => {
        const p = { code: CODE.accessAccept, id: q.packet.id, secret: RADSEC, attributes: new Attributes() };
        held.push(writeAnswer(p, q.packet.authenticator));
        if (held.length < 2) return;
        const bytes = concat(held.splice(0));
        for (let at = 0; at < bytes.length; at += piece) c.send(bytes.subarray(at, at + piece));
      },
    });
    let wanted = 0;
    for (piece = 1; piece < 80; piece++) {
      ask();
      ask();
      clock.advance(50);
      wanted += 2;
      assert.equal(answers.length, wanted, `pieces of ${piece}`);
    }
    assert.deepEqual(new Set(answers.map(from)), new Set(["tls"]));
    end();
  });
  test("what has no length of a packet closes it, and nothing is read behind it", () => {
    for (const length of [0, 1, 19, 4097, 65_535]) {
      const { clock, net, answers, ask, serve, client, end } = world();
      serve({
        ask: (q, c) => {
          c.send(concat([Uint8Array.of(2, q.packet.id, length >> 8, length & 255), new Uint8Array(16)]));
          good(q);
        },
      });
      ask();
      clock.advance(100);
      assert.equal(net.open, 0, `${length}`);
      clock.advance(10_000);
      assert.match(String(answers[0]), /cannot be asked: what it sends is not RADIUS/);
      assert.ok(client.counters.get("radius.connection-lost") >= 1);
      end();
    }
  });
  test("an answer that another made, or without Message-Authenticator, closes it (RFC 6613 §2.6.4)", () => {
    for (const [lie, words] of [
      [(q: Asked) => void q.answer(CODE.accessAccept, new Attributes(), SECRET), /wrong authenticator/],
      [
        (q: Asked) => {
          const p = { code: CODE.accessAccept, id: q.packet.id, secret: RADSEC, attributes: new Attributes() };
          q.reply(writeAnswer(p, q.packet.authenticator, true));
        },
        /without a Message-Authenticator/,
      ],
    ] as const) {
      const { clock, net, answers, ask, serve, end } = world();
      serve({ ask: lie });
      ask();
      clock.advance(100);
      assert.equal(net.open, 0);
      clock.advance(10_000);
      assert.match(String(answers[0]), words);
      end();
    }
  });
  test("any bytes: the questions end, what is held is bounded, and nothing is thrown", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 5 }), (parts) => {
        const { clock, answers, ask, serve, end } = world();
        serve({
          ask: (_, c) => {
            for (const p of parts) c.send(p);
          },
        });
        ask();
        clock.advance(20_000);
        assert.equal(answers.length, 1);
        assert.equal(typeof answers[0], "string");
        end();
      }),
      { numRuns: 200 },
    );
  });
});

describe("no connection", () => {
  test("why, in words; and how soon it is tried again", () => {
    const cases: readonly (readonly [Server, RegExp, boolean])[] = [
      [{ refuses: "ECONNREFUSED" }, /no TLS: connection refused/, false],
      [{ refuses: "EHOSTUNREACH" }, /no TLS: it cannot be reached \(EHOSTUNREACH\)/, false],
      [{ tls: "mute" }, /no TLS within 5 s|does not answer/, false],
      [{ tls: 1 }, /its certificate is not accepted: certificate has expired; check tls_ca/, true],
      [{ tls: 2 }, /it rejects our certificate \(tls_cert\): tlsv1 alert unknown ca/, true],
      [{ tls: 3 }, /TLS fails/, false],
    ];
    for (const [server, words, lasting] of cases) {
      const { clock, net, answers, ask, serve, client, end } = world();
      serve(server);
      ask();
      clock.advance(100);
      assert.equal(answers.length, lasting ? 1 : 0, "what may pass is waited for");
      clock.advance(5000);
      assert.match(String(answers[0]), words);
      assert.match(client.servers()[0]?.why ?? "", words);
      const tries = net.connections.length;
      assert.ok(tries <= 4, `${tries} in 5 s`);
      end();
    }
  });
  test("once, nobody waits for the next one", () => {
    const { clock, net, udp, serve, servers } = world();
    serve({ refuses: "ECONNREFUSED" });
    const c = new RadiusClient({ clock, crypto, udp, tcp: net, once: true, fault: () => {} }, servers);
    const said: unknown[] = [];
    c.ask({ code: CODE.accessRequest, attributes: () => new Attributes(), done: (a) => void said.push(a) });
    clock.advance(20);
    assert.match(String(said[0]), /connection refused/);
    c.close("");
  });
  test("a file that is no good is a sentence at once, and read again later", () => {
    const { clock, answers, net, serve, client, servers } = world();
    serve({ ask: good });
    let bad = true;
    const server = {
      ...servers[0],
      tls: () => (bad ? "tls_ca /x: holds no certificate" : net.newTls()),
    } as RadiusServer;
    client.close("");
    const c = new RadiusClient({ clock, crypto, udp: new RadiusNet(clock), tcp: net, fault: () => {} }, [server]);
    const ask = (): void => {
      c.ask({ code: 1, attributes: () => new Attributes(), done: (a) => void answers.push(a) });
    };
    ask();
    clock.advance(1);
    assert.match(String(answers[0]), /cannot be asked: tls_ca \/x: holds no certificate/);
    bad = false;
    clock.advance(2000);
    ask();
    clock.advance(100);
    assert.equal(from(answers[1]), "tls");
    c.close("");
  });
  test("a server that restarts while somebody logs in: the same login, over the next connection", () => {
    const { clock, net, answers, ask, serve, end } = world();
    serve({ ask: good });
    ask();
    clock.advance(100);
    serve({ refuses: "ECONNREFUSED" });
    ask();
    net.connections[0]?.cut();
    clock.advance(2000);
    assert.equal(answers.length, 1);
    serve({ ask: good });
    clock.advance(2500);
    assert.deepEqual(answers.map(from), ["tls", "tls"]);
    end();
  });
  test("one that accepts and closes is not asked without pause", () => {
    const { clock, net, answers, ask, serve, end } = world();
    serve({ ask: (_, c) => c.cut() });
    for (let i = 0; i < 20; i++) {
      ask();
      clock.advance(3000);
    }
    assert.ok(net.connections.length < 12, `${net.connections.length} connections in a minute`);
    clock.advance(6000);
    assert.equal(answers.length, 20);
    assert.match(String(answers[0]), /it closed the connection/);
    end();
  });
});

describe("several servers", () => {
  test("one that dies: its questions go to the next at once, TLS or not", () => {
    for (const second of ["tls2", "udp"] as const) {
      const { clock, net, udp, answers, ask, serve, client, end } = world("tls", second);
      serve({ ask: good });
      serve({ ask: good }, "tls2");
      udp.servers.set("192.0.2.3 1812", accept);
      ask();
      clock.advance(100);
      serve({ refuses: "ECONNREFUSED" });
      for (let i = 0; i < 100; i++) ask();
      net.connections[0]?.cut();
      clock.advance(200);
      assert.equal(answers.length, 101);
      assert.deepEqual(new Set(answers.slice(1).map(from)), new Set([second]));
      assert.equal(client.servers()[0]?.state, "silent");
      ask();
      clock.advance(100);
      assert.equal(from(answers[101]), second, "it is passed over");
      end();
    }
  });
  test("a host that vanishes: after the time-out everything open moves, and the connection is closed", () => {
    const { clock, net, answers, ask, serve, end } = world("tls", "tls2");
    serve({ ask: good });
    serve({ ask: good }, "tls2");
    ask();
    clock.advance(100);
    serve({});
    net.servers.get("192.0.2.1");
    for (const c of net.connections) c.send = () => {};
    for (let i = 0; i < 10; i++) {
      ask();
      clock.advance(100);
    }
    clock.advance(4300);
    assert.equal(answers.length, 11);
    assert.equal(net.connections.filter((c) => c.at.address === "192.0.2.1" && !c.closed).length, 0);
    end();
  });
});

describe("the watchdog", () => {
  const QUIET = 32_100;
  test("asks a quiet connection with id 0 (RFC 6613 §2.6.5), and leaves one that answers", () => {
    const { clock, net, ask, serve, end } = world();
    const bare = (q: Asked): void => {
      const p = { code: CODE.accessAccept, id: q.packet.id, secret: RADSEC, attributes: new Attributes() };
      q.reply(writeAnswer(p, q.packet.authenticator, true)); // as FreeRADIUS 3.2 does
    };
    serve({ ask: (q) => (q.packet.code === CODE.statusServer ? bare(q) : good(q)) });
    ask();
    clock.advance(100);
    clock.advance(120_000);
    const status = net.asked.filter((q) => q.packet.code === CODE.statusServer);
    assert.ok(status.length >= 4 && status.length <= 5, `${status.length} in two minutes`);
    assert.ok(status.every((q) => q.packet.id === 0));
    assert.deepEqual([net.open, net.connections.length], [1, 1]);
    end();
  });
  test("a dead one is closed, and its server passed over before anybody asks it", () => {
    const { clock, net, ask, answers, serve, client, end } = world("tls", "tls2");
    serve({ ask: good });
    serve({ ask: good }, "tls2");
    ask();
    clock.advance(QUIET);
    const first = net.connections[0] as Connection;
    first.send = () => {};
    clock.advance(QUIET + 5000);
    assert.equal(first.closed, true);
    assert.equal(client.servers()[0]?.state, "silent");
    ask();
    clock.advance(100);
    assert.equal(from(answers[1]), "tls2");
    end();
  });
  test("a server without Status-Server loses its connection, and no more", () => {
    const { clock, net, ask, answers, serve, client, end } = world();
    serve({ ask: (q) => q.packet.code === CODE.statusServer || good(q) });
    ask();
    clock.advance(QUIET + 6000);
    assert.deepEqual([net.open, client.servers()[0]?.state, client.size], [0, "ok", 0]);
    ask();
    clock.advance(100);
    assert.equal(from(answers[1]), "tls");
    end();
  });
});

describe("identifiers", () => {
  test("255 on a connection, four connections, and a queue behind", () => {
    const { clock, net, answers, ask, serve, end } = world();
    serve({});
    for (let i = 0; i < 1100; i++) ask();
    clock.advance(100);
    assert.deepEqual([net.connections.length, net.asked.length], [4, 1020]);
    for (let line = 0; line < 4; line++)
      assert.equal(new Set(net.asked.filter((q) => q.line === line).map((q) => q.packet.id)).size, 255);
    serve({ ask: good });
    for (const q of [...net.asked]) good(q);
    clock.advance(20);
    for (const q of net.asked.slice(1020)) good(q);
    clock.advance(100);
    assert.equal(answers.length, 1100);
    assert.ok(answers.every((a) => typeof a === "object"));
    end();
  });
  test("an answer that comes too late meets no later question", () => {
    const { clock, net, answers, ask, serve, client, end } = world();
    let slow: Asked | null = null;
    serve({
      ask: (q) => {
        if (!slow) slow = q;
        else good(q);
      },
    });
    ask();
    clock.advance(3000);
    ask();
    clock.advance(2500);
    assert.deepEqual(
      answers.map(from).map((x) => x.slice(0, 6)),
      ["tls", "the RA"],
    );
    assert.equal(net.open, 1, "it was heard");
    for (let i = 0; i < 600; i++) {
      ask();
      clock.advance(11);
    }
    clock.advance(100);
    const late = net.asked.filter((q) => q.packet.id === slow?.packet.id);
    assert.equal(late.length, 1, "its id is not used again");
    if (slow) good(slow);
    clock.advance(100);
    assert.deepEqual([net.open, client.counters.get("radius.unexpected")], [1, 1]);
    end();
  });
});

test("a client that is closed makes no connection, whoever asks", () => {
  const { clock, net, answers, ask, serve, client, end } = world();
  serve({ ask: good });
  ask(CODE.accessRequest, () => void ask());
  client.close("the end");
  clock.advance(100);
  assert.equal(net.connections.length, 1);
  assert.equal(answers.length, 1);
  end();
});
test("what the server asks by the connection is answered there (RFC 6614 §2.5)", () => {
  const { clock, net, ask, serve, told, end } = world();
  const heard: number[] = [];
  serve({ ask: good });
  ask();
  clock.advance(100);
  const request = writeSigned(crypto, {
    code: CODE.disconnectRequest,
    id: 9,
    secret: RADSEC,
    attributes: new Attributes().add("User-Name", "nemo"),
  });
  net.connections[0]?.send(request);
  const tls = net.tls[0];
  const write = tls?.write.bind(tls);
  if (tls && write)
    tls.write = (data) => {
      heard.push(data[0] ?? 0);
      return write(data.length === 4 ? concat([Uint8Array.of(44, 9, 0, 20), new Uint8Array(16)]) : data);
    };
  clock.advance(20);
  assert.deepEqual(
    told.map((b) => readRadius(b).code),
    [CODE.disconnectRequest],
  );
  assert.deepEqual(heard, [7]);
  end();
});
