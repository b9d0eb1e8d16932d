// The TLS client against the TLS server of Node.
import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { after, before, describe, test } from "node:test";
import { createSecureContext, type SecureVersion, TLSSocket } from "node:tls";
import fc from "fast-check";
import { Certs, noOpenssl } from "../../../test/certs.ts";
import { loadFlat, loadNative } from "../../runtime/node/native.ts";
import type { TlsClient, TlsState, TlsStream } from "../tls-types.ts";

const native = loadNative();
const NONE = new Uint8Array(0);
const MSK = "client EAP encryption";

describe("tls", { skip: noOpenssl }, () => {
  let certs: Certs;
  before(() => {
    certs = new Certs();
  });
  after(() => certs.remove());

  function client(who = "client", serverName: string | null = null, ca = "ca"): TlsClient {
    const t = native.tlsClient({
      ca: certs.read(`${ca}.pem`),
      cert: certs.read(`${who}.pem`),
      key: certs.read(`${who}.key`),
      serverName,
    });
    assert.ok(t !== null && typeof t !== "string", String(t));
    return t;
  }
  /** Until both have said all; the pieces that the client gets are `piece` bytes long. */
  async function meet(
    t: TlsClient | TlsStream,
    version: SecureVersion,
    piece = 1 << 16,
    who = "server",
  ): Promise<{ state: TlsState; server: TLSSocket; wire: Duplex; failed: string }> {
    let state: TlsState = "going";
    let failed = "";
    const wire = new Duplex({
      read() {},
      write(chunk: Uint8Array, _, next) {
        for (let i = 0; i < chunk.length; i += piece) state = t.step(new Uint8Array(chunk.subarray(i, i + piece)));
        wire.push(t.output());
        next();
      },
    });
    const secureContext = createSecureContext({
      cert: Buffer.from(certs.read(`${who}.pem`)),
      key: Buffer.from(certs.read(`${who}.key`)),
      ca: Buffer.from(certs.read("ca.pem")),
      minVersion: version,
      maxVersion: version,
    });
    const server = new TLSSocket(wire, { isServer: true, secureContext, requestCert: true, rejectUnauthorized: true });
    let secure = false;
    server.on("secure", () => {
      secure = true;
    });
    server.on("error", (e) => {
      failed = e.message;
    });
    state = t.step(NONE);
    wire.push(t.output());
    const over = Date.now() + 3000;
    while (Date.now() < over && state !== "distrust" && state !== "alert" && !(state === "done" && secure)) {
      await new Promise((r) => setImmediate(r));
    }
    return { state, server, wire, failed };
  }

  for (const [version, words] of [
    ["TLSv1.2", "1.2"],
    ["TLSv1.3", "1.3"],
  ] as const) {
    test(`${version}: both ends have the same key material; byte by byte as well`, async () => {
      for (const piece of [1 << 16, 1]) {
        const t = client("client", "server.example");
        const { state, server } = await meet(t, version, piece);
        assert.equal(state, "done", t.why());
        assert.equal(t.version(), words);
        const context = version === "TLSv1.3" ? Uint8Array.of(13) : NONE;
        const theirs = server.exportKeyingMaterial(
          128,
          MSK,
          ...((version === "TLSv1.3" ? [Buffer.from(context)] : []) as [Buffer]),
        );
        assert.deepEqual(t.export(MSK, context, 128), new Uint8Array(theirs));
        t.close();
        server.destroy();
      }
    });
    test(`${version}: a server of another CA, one of another name, one whose time is over`, async () => {
      for (const [ca, name, words_, who] of [
        ["other-ca", null, /unable to get local issuer|self.signed|unable to verify/, "server"],
        ["ca", "nas.example", /[Hh]ostname mismatch/, "server"],
        ["ca", null, /expired/, "late"],
      ] as const) {
        const t = client("client", name, ca);
        const { state, server } = await meet(t, version, 1 << 16, who);
        assert.equal(state, "distrust");
        assert.match(t.why(), words_);
        assert.equal(t.export(MSK, NONE, 64), null);
        t.close();
        server.destroy();
      }
    });
  }
  test("which certificates are a server's: subjectAltName alone, whole labels, serverAuth or a name", async () => {
    for (const [who, name, why] of [
      ["server", null, null],
      ["server", "server.example", null],
      ["server", "192.0.2.7", null],
      ["server", "192.0.2.8", /IP address mismatch/],
      ["client", null, /purpose/],
      ["client", "client.example", /purpose/],
      ["no-use", null, /purpose/],
      ["no-use", "no-use.example", null],
      ["no-alt", "no-alt.example", /[Hh]ostname mismatch/],
      ["no-alt", null, null],
      ["wild", "any.wild.example", null],
      ["wild", "two.labels.wild.example", /[Hh]ostname mismatch/],
      ["wild", "wild.example", /[Hh]ostname mismatch/],
      ["part", "part.wild.example", /[Hh]ostname mismatch/],
    ] as const) {
      const t = client("client", name);
      const { state, server } = await meet(t, "TLSv1.3", 1 << 16, who);
      assert.equal(state, why ? "distrust" : "done", `${who} as ${name}: ${t.why()}`);
      if (why) assert.match(t.why(), why);
      t.close();
      server.destroy();
    }
  });
  test("the protected word of RFC 9190 confirms, anything else breaks", async () => {
    for (const [said, want] of [
      [Uint8Array.of(0), "confirmed"],
      [Uint8Array.of(1), "broken"],
      [Uint8Array.of(0, 0), "broken"],
    ] as const) {
      const t = client();
      const { server } = await meet(t, "TLSv1.3");
      let last: TlsState = "done";
      const step = t.step;
      (t as { step: TlsClient["step"] }).step = (d) => (last = step(d));
      server.write(said);
      const over = Date.now() + 3000;
      while (Date.now() < over && last === "done") await new Promise((r) => setImmediate(r));
      assert.equal(last, want);
      t.close();
      server.destroy();
    }
  });
  for (const version of ["TLSv1.2", "TLSv1.3"] as const)
    test(`${version}: a stream carries data both ways, and says how it ended`, async () => {
      const open = (who = "client"): TlsStream => {
        const t = native.tlsStream({
          ca: certs.read("ca.pem"),
          cert: certs.read(`${who}.pem`),
          key: certs.read(`${who}.key`),
          serverName: "server.example",
        });
        return t !== null && typeof t !== "string" ? t : assert.fail(String(t));
      };
      const into = new Uint8Array(100_000);
      const early = open();
      assert.deepEqual([early.write(Uint8Array.of(1)), early.read(into)], [false, -1], "not before the handshake");
      early.close();

      const big = new Uint8Array(40_000).map((_, i) => i * 7);
      for (const [say, why] of [
        ["end", /^closed$/],
        ["junk", /./],
      ] as const) {
        const s = open();
        const { server: other, wire } = await meet(s, version);
        assert.equal((other as TLSSocket & { servername?: string }).servername, "server.example");
        let got = 0;
        const pulled = async (f: () => boolean): Promise<void> => {
          const over = Date.now() + 3000;
          while (Date.now() < over && !f()) await new Promise((r) => setImmediate(r));
          assert.ok(f(), `${say} ${got} ${s.why()}`);
        };
        const back: Buffer[] = [];
        other.on("data", (b: Buffer) => {
          back.push(b);
          other.write(b);
        });
        other.on("error", () => {});
        assert.equal(s.write(big), true);
        wire.push(s.output());
        let ended = false;
        const read = (): void => {
          for (let n = s.read(into); n !== 0; n = s.read(into)) {
            if (n < 0) {
              ended = true;
              return;
            }
            assert.deepEqual(into.slice(0, n), big.slice(got, got + n));
            got += n;
          }
        };
        await pulled(() => {
          read();
          return got === big.length;
        });
        assert.deepEqual(new Uint8Array(Buffer.concat(back)), big);
        if (say === "end") other.end();
        else s.step(new Uint8Array(50).fill(0x41));
        await pulled(() => {
          read();
          return ended;
        });
        assert.match(s.why(), why);
        assert.deepEqual([s.write(big), s.read(into), s.step(NONE)], [false, -1, "broken"]);
        s.close();
        other.destroy();
      }
    });
  test("what is no PEM, a key of another certificate, a name that is none: a sentence", () => {
    const make = (p: Partial<Parameters<typeof native.tlsClient>[0]>) =>
      native.tlsClient({
        ca: certs.read("ca.pem"),
        cert: certs.read("client.pem"),
        key: certs.read("client.key"),
        serverName: null,
        ...p,
      });
    const junk = new Uint8Array(100).fill(65);
    assert.match(String(make({ ca: NONE })), /^ca: holds no certificate/);
    assert.match(String(make({ ca: junk })), /^ca: holds no certificate/);
    assert.match(String(make({ cert: junk })), /^cert: /);
    assert.match(String(make({ key: junk })), /^key: /);
    assert.match(String(make({ key: certs.read("stranger.key") })), /^key: .*not that of the certificate/);
  });
  test("any bytes break it, and nothing else", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }), (parts) => {
        const t = client();
        t.step(NONE);
        t.output();
        for (const p of parts) assert.ok(["going", "broken", "alert"].includes(t.step(p)));
        t.output();
        assert.equal(t.export(MSK, NONE, 64), null);
        t.close();
      }),
      { numRuns: 100 },
    );
  });
  test("the border: stale handles, lengths", () => {
    const flat = loadFlat();
    for (const f of [
      () => flat.tlsStep(0, NONE),
      () => flat.tlsClose(77),
      () => flat.tlsNew(NONE, NONE, NONE, "x".repeat(300), false, new Uint8Array(200)),
      () => flat.tlsNew(NONE, NONE, NONE, "", false, new Uint8Array(199)),
      () => flat.tlsNew(new Uint8Array(300_000), NONE, NONE, "", false, new Uint8Array(200)),
    ])
      assert.throws(f, RangeError);
    const t = client();
    assert.throws(() => t.export(MSK, NONE, 0), RangeError);
    assert.throws(() => t.export("x".repeat(64), NONE, 64), RangeError);
    t.close();
    assert.throws(() => t.step(NONE), RangeError);
  });
});
