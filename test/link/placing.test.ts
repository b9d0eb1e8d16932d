// Which data plane a link's packets move in, and the sentence that says why.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "../../src/config/load.ts";
import type { ClientConfig, InterfaceConfig, ServerConfig } from "../../src/config/schema.ts";
import type { Failure } from "../../src/core/failures.ts";
import { type KernelSide, type Placement, place } from "../../src/link/placing.ts";
import { placementText } from "../../src/link/rungs/plane.ts";

const WHOLE: KernelSide = { why: () => null, has: () => true };
const MISSING = "module l2tp_ppp is missing: opkg install kmod-pppol2tp";
const BARE: KernelSide = { why: () => MISSING, has: () => false };

const HQ = "proto = l2tpsec\nserver = 198.51.100.2\npsk = k";
const CLEAR = "proto = l2tpsec\nserver = 198.51.100.9\nipsec = off";
const LNS = "psk = k\nlocal_ip = 10.99.0.1\npool = 10.99.0.10-10.99.0.99";

interface Given {
  readonly kernel?: KernelSide | null;
  readonly fallback?: string;
}
/** The placement of the section `name` of `sections`: [title, text]. */
function placed(
  name: string,
  sections: readonly (readonly [title: string, text: string])[],
  { kernel = WHOLE, fallback = "" }: Given = {},
): Placement | Failure {
  const r = load(sections.map(([title, text]) => `[${title}]\n${text}\n`).join("\n"));
  assert.ok(r.ok, JSON.stringify(r));
  const all: (InterfaceConfig | ServerConfig)[] = [...r.config.servers, ...r.config.interfaces];
  const own = all.find((c): c is ClientConfig | ServerConfig => c.name === name && "dataplane" in c);
  assert.ok(own);
  return place(own, { all, kernel, faster: "aes", fallback });
}
const said = (p: Placement | Failure): string => ("at" in p ? placementText(p) : `${p.code}: ${p.text}`);
const one = (text: string, given: Given = {}): string => said(placed("hq", [["interface hq", text]], given));

test("auto takes the kernel where it can; else userspace, with the reason and its remedy", () => {
  assert.equal(one(`${HQ}\ndataplane = auto`), "kernel");
  assert.equal(one(`${HQ}\ndataplane = auto`, { kernel: BARE }), `userspace; kernel: no, ${MISSING}`);
  assert.equal(one(`${HQ}\ndataplane = kernel`, { kernel: BARE }), `no-kernel-plane: kernel: no, ${MISSING}`);
  assert.equal(one(`${HQ}\ndataplane = userspace`), "userspace");
  assert.equal(one(HQ), "kernel", "by default");
  assert.equal(one(HQ, { kernel: BARE }), `userspace; kernel: no, ${MISSING}`);
  assert.equal(one(`${HQ}\ndataplane = auto`, { kernel: null }), "userspace", "a simulation has one plane");
});

test("who asks for userspace does not make anybody look at the kernel", () => {
  const never: KernelSide = { why: () => assert.fail("asked"), has: () => assert.fail("asked") };
  assert.equal(one(`${HQ}\ndataplane = userspace`, { kernel: never }), "userspace");
  assert.equal(one(`${HQ}\ndataplane = auto\nmppc = yes`, { kernel: never }).startsWith("userspace"), true);
});

test("what only userspace has", () => {
  for (const option of ["vj = yes", "deflate = yes", "bsdcomp = yes", "mppc = yes", "mppe = 128"]) {
    const name = option.split(" ")[0];
    assert.equal(one(`${HQ}\ndataplane = auto\n${option}`), `userspace; kernel: no, ${name} is userspace's alone`);
  }
  assert.match(one(`${HQ}\ndataplane = kernel\nmppe = 128`), /^no-kernel-plane: kernel: no, mppe is/);
  const lns = (more: string): string => said(placed("lns", [["server lns", `${LNS}\nipv6 = yes\n${more}`]]));
  assert.equal(lns("dataplane = auto"), "kernel");
  for (const pool of ["ipv6_pool = 2001:db8::/48", "ipv6_delegate = 2001:db8::/48-56"]) {
    const why = `kernel: no, ${pool.split(" ")[0]} is userspace's alone`;
    assert.equal(lns(`dataplane = auto\n${pool}`), `userspace; ${why}`);
    assert.equal(lns(`dataplane = kernel\n${pool}`), `no-kernel-plane: ${why}`);
  }
});

test("a server that says nothing is in userspace, where one netdev has all users, and says how to change that", () => {
  const zone = "with dataplane = auto each user has a netdev, and the zone must name";
  const never: KernelSide = { why: () => assert.fail("asked"), has: () => assert.fail("asked") };
  const lns = (more: string, kernel: KernelSide | null = never): string =>
    said(placed("lns", [["server lns", `${LNS}${more}`]], { kernel }));
  assert.equal(lns(""), `userspace; kernel: not asked; ${zone} l2tps-lns+`);
  assert.equal(lns("\nifname = dialin"), `userspace; kernel: not asked; ${zone} dialin+`);
  assert.equal(lns("\ndataplane = userspace"), "userspace");
  assert.equal(lns("", null), "userspace", "a simulation has one plane");
  assert.equal(lns("\ndataplane = auto", WHOLE), "kernel");
});

test("the name of a server's netdev leaves room for each user's number, so that the zone's wildcard matches", () => {
  const lns = (more: string): string => said(placed("lns", [["server lns", `${LNS}\ndataplane = auto\n${more}`]]));
  assert.equal(lns("ifname = l2tps-lns2"), "kernel");
  assert.equal(
    lns("ifname = l2tps-lns12"),
    "userspace; kernel: no, l2tps-lns12 leaves no room for each user's number: " +
      "set ifname to 10 characters at most, or lower max_sessions",
  );
  assert.equal(lns("ifname = l2tps-lns12\nmax_sessions = 999"), "kernel");
});

test("a neighbour in the clear on the same port, or at the same server in userspace", () => {
  const auto = `${HQ}\ndataplane = auto`;
  const clear = said(
    placed("hq", [
      ["interface hq", auto],
      ["interface isp", CLEAR],
    ]),
  );
  assert.equal(clear, "userspace; kernel: no, interface isp has UDP port 1701 too, and one of the two is in the clear");
  assert.equal(
    said(
      placed("hq", [
        ["interface hq", auto],
        ["interface isp", `${CLEAR}\nsource_port = 1702`],
      ]),
    ),
    "kernel",
  );
  const twin = said(
    placed("hq", [
      ["interface hq", auto],
      ["interface two", `${HQ}\ndataplane = userspace`],
    ]),
  );
  assert.equal(twin, "userspace; kernel: no, interface two goes to the same server through userspace");
  assert.equal(
    said(
      placed("hq", [
        ["interface hq", auto],
        ["interface two", auto],
      ]),
    ),
    "kernel",
  );
  const coded = `${auto}\nmppc = yes`;
  assert.match(
    said(
      placed("hq", [
        ["interface hq", auto],
        ["interface two", coded],
      ]),
    ),
    /interface two goes to/,
  );
  assert.equal(
    said(
      placed("hq", [
        ["interface hq", auto],
        ["server lns", LNS],
      ]),
    ),
    "kernel",
  );
});

test("ESP that the kernel lacks: a client offers the rest, a server stays where all of it is", () => {
  const gcm: KernelSide = { why: () => null, has: (cipher) => cipher !== "3des" && cipher !== "aes128" };
  const client = placed(
    "hq",
    [["interface hq", `${HQ}\ndataplane = auto\nesp_proposals = aes128-sha1 aes256-sha256`]],
    {
      kernel: gcm,
    },
  );
  assert.ok("at" in client);
  assert.deepEqual([client.at, client.esp.map((p) => p.text)], ["kernel", ["aes256-sha256"]]);
  const old = one(`${HQ}\ndataplane = auto\nesp_proposals = 3des-sha1`, { kernel: gcm });
  assert.match(old, /^userspace; kernel: no, it lacks ESP with 3des-sha1: /);
  const server = placed(
    "lns",
    [["server lns", `${LNS}\ndataplane = auto\nesp_proposals = aes128-sha1 aes256-sha256`]],
    {
      kernel: gcm,
    },
  );
  assert.match(said(server), /^userspace; kernel: no, it lacks ESP with aes128-sha1: /);
  assert.equal(one(`${CLEAR}\ndataplane = auto`, { kernel: { why: () => null, has: () => false } }), "kernel");
});

test("a link that the kernel did not work for stays in userspace, unless it says kernel", () => {
  const fallback = "no answer came through its IPsec";
  assert.equal(one(`${HQ}\ndataplane = auto`, { fallback }), `userspace; kernel: no, ${fallback}`);
  assert.equal(one(`${HQ}\ndataplane = kernel`, { fallback }), "kernel");
});
