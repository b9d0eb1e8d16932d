// Certificates against strongSwan's charon, in both versions of IKE; the network is drawn in charon-scenes.ts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CLIENT_USE, type Held, type Kind, SERVER_USE, TestCa } from "../x509/ca.ts";
import {
  all,
  base,
  child,
  established,
  inside,
  isDown,
  isUp,
  missing,
  play,
  type Said,
  type Scene,
  works,
} from "./charon-scenes.ts";

if (child) await inside(JSON.parse(child) as Scene);
else {
  const DAY = 86_400_000;
  const dates = { notBefore: Date.now() - DAY, notAfter: Date.now() + 30 * DAY };
  const expired = { ...dates, notAfter: Date.now() - 1000 };
  /** What is not as it should be. */
  interface Spoilt {
    readonly us?: Held;
    readonly charon?: Held;
    /** CRLs, ours and charon's. */
    readonly ours?: string;
    readonly its?: string;
    /** Behind each side's own certificate. */
    readonly between?: readonly Held[];
  }
  type Spoil = (ca: TestCa, us: Held, charon: Held) => Spoilt;
  /** The initiator has a client's certificate, the responder a server's, of one CA; `spoil` makes others of them. */
  const byCertificates = (
    kind: Kind,
    { role, version }: Required<Pick<Scene, "role" | "version">>,
    spoil: Spoil = () => ({}),
  ): Scene => {
    const ca = new TestCa("C=CH, O=Rig, CN=its CA", { kind, ...dates });
    const one = ca.client("me@example", { kind, ...dates });
    const other = ca.server("vpn.example", { kind, ...dates });
    const [us, charon] = role === "initiator" ? [one, other] : [other, one];
    const bad = spoil(ca, us, charon);
    const between = (bad.between ?? []).map((h) => h.pem).join("");
    const text = (h: Held) => ({ cert: h.pem + between, key: Buffer.from(h.key).toString() });
    const id = role === "initiator" ? '"O=Tests, CN=vpn.example"' : '"O=Tests, CN=me@example"';
    const certificates = {
      ca: ca.own.pem,
      crl: bad.ours ?? null,
      us: text(bad.us ?? us),
      charon: { ...text(bad.charon ?? charon), id, ...(bad.its === undefined ? {} : { crl: bad.its }) },
    };
    return { ...base, role, version, certificates };
  };
  const fresh = { now: Date.now() - 1000, nextUpdate: Date.now() + DAY };
  /** Of two CAs more between a leaf and the CA. */
  const chained = (kind: Kind, role: Scene["role"]): Spoil => {
    return (ca) => {
      const upper = new TestCa("C=CH, O=Rig, CN=upper", { kind, ...dates }, ca);
      const lower = new TestCa("C=CH, O=Rig, CN=lower", { kind, ...dates }, upper);
      const [one, other] = [
        lower.client("me@example", { kind, ...dates }),
        lower.server("vpn.example", { kind, ...dates }),
      ];
      const between = [lower.own, upper.own];
      return role === "initiator" ? { us: one, charon: other, between } : { us: other, charon: one, between };
    };
  };
  const refusal = (said: Said[]): string | undefined => {
    for (const x of said) {
      const code = x["kind"] === "ike.failed" ? x["code"] : (x["down"] as { code?: string } | undefined)?.code;
      if (typeof code === "string") return code;
    }
    return undefined;
  };
  /** In IKEv2 charon makes ESP SAs before it answers: this kernel has none, and it refuses them alone. */
  const proved = async (scene: Scene, logged: readonly RegExp[] = []): Promise<void> => {
    if (scene.version === 1 || scene.role === "responder") return works(scene, logged);
    const { said, log } = await play(scene, (x) => isUp(x) || isDown(x));
    for (const line of [established, ...logged]) assert.match(log, line, all(said, log));
    assert.equal(refusal(said), "no-proposal", all(said, log));
  };
  for (const version of [1, 2] as const) {
    const kinds: readonly Kind[] = ["rsa2048", "ecp256", "ecp384", ...(version === 2 ? (["ed25519"] as const) : [])];
    for (const kind of kinds)
      for (const role of ["initiator", "responder"] as const)
        test(
          `IKEv${version}, ${kind}: charon ${role === "initiator" ? "answers us" : "begins"} by certificates`,
          {
            skip: missing,
          },
          () => proved(byCertificates(kind, { role, version })),
        );
    for (const role of ["initiator", "responder"] as const) {
      test(`IKEv${version}, ${role}: long chains, both sides cut their messages`, { skip: missing }, async () => {
        const scene = byCertificates("rsa2048", { role, version }, chained("rsa2048", role));
        await proved({ ...scene, fragment: 500, shortId: true }, [/received fragment #\d+/, /splitting IKE message/]);
      });
      const refused = async (code: string, spoil: Spoil): Promise<void> => {
        const scene = byCertificates("ecp256", { role, version }, spoil);
        const { said, log } = await play(scene, (x) => refusal(x) !== undefined);
        assert.equal(refusal(said), code, all(said, log));
        assert.ok(!isUp(said));
      };
      test(`IKEv${version}, ${role}: we refuse charon's certificate: expired, revoked, usage, name, another CA's`, {
        skip: missing,
      }, async () => {
        const [SERVER, CLIENT] = [SERVER_USE, CLIENT_USE];
        const make = (ca: TestCa, o: object): Held =>
          role === "initiator"
            ? ca.server("vpn.example", { ...dates, ...o })
            : ca.client("me@example", { ...dates, ...o });
        await refused("cert-expired", (ca) => ({ charon: make(ca, expired) }));
        await refused("cert-revoked", (ca, _, charon) => ({ ours: ca.crl([charon.serial], fresh) }));
        await refused("cert-usage", (ca) => ({ charon: make(ca, { uses: [role === "initiator" ? CLIENT : SERVER] }) }));
        await refused("cert-untrusted", () => ({ charon: make(new TestCa("CN=other", dates), {}) }));
        if (role === "initiator")
          await refused("cert-name", (ca) => ({
            charon: make(ca, { altNames: [{ type: 2, text: "other.example" }] }),
          }));
      });
    }
    test(`IKEv${version}: charon refuses ours: revoked, another CA's; that it may be our certificate is said`, {
      skip: missing,
    }, async () => {
      for (const spoil of [
        (ca: TestCa, us: Held) => ({ its: ca.crl([us.serial], fresh) }),
        () => ({ us: new TestCa("CN=other", dates).client("me@example", dates) }),
      ]) {
        const { said, log } = await play(byCertificates("ecp256", { role: "initiator", version }, spoil), isDown);
        assert.equal(refusal(said), "cert-refused", all(said, log));
      }
    });
  }
}
