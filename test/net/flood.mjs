// flood.mjs TARGET COUNT [PCAP]: hostile datagrams to UDP 500, 4500 and 1701, at a pace that a kernel queue survives.
// Random bytes, plausible heads with rubbish behind, and the payloads of a capture with bytes changed, cut and
// repeated.
import { randomBytes, randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";

const [target = "", count = "60000", pcap] = process.argv.slice(2);
const sockets = Array.from({ length: 16 }, () => createSocket(target.includes(":") ? "udp6" : "udp4"));
for (const s of sockets) {
  s.on("error", () => {}); // ICMP refusals
  s.on("message", () => {});
}

/** UDP payloads of an Ethernet pcap: [port, bytes]. */
function payloads(file) {
  const b = readFileSync(file);
  const found = [];
  for (let at = 24; at + 16 <= b.length; ) {
    const n = b.readUInt32LE(at + 8);
    const frame = b.subarray(at + 16, at + 16 + n);
    at += 16 + n;
    if (frame.length < 42 || frame.readUInt16BE(12) !== 0x0800 || frame[23] !== 17) continue;
    const ip = 14 + (frame[14] & 15) * 4;
    found.push([frame.readUInt16BE(ip + 2), Buffer.from(frame.subarray(ip + 8))]);
  }
  return found;
}
const seeds = pcap === undefined ? [] : payloads(pcap).slice(0, 200);

function isakmp(marker) {
  const body = randomBytes(randomInt(0, 300));
  const h = Buffer.alloc(28);
  randomBytes(8).copy(h, 0);
  if (randomInt(3) === 0) randomBytes(8).copy(h, 8);
  h[16] = randomInt(20);
  h[17] = randomInt(8) === 0 ? randomInt(256) : 0x10;
  h[18] = [2, 4, 5, 32, randomInt(256)][randomInt(5)];
  h[19] = randomInt(4);
  if (h[19] !== 0 || randomInt(2)) randomBytes(4).copy(h, 20);
  h.writeUInt32BE(randomInt(4) === 0 ? randomInt(65536) : 28 + body.length, 24);
  // generic payload heads with lengths that lie
  for (let at = 0; at + 4 < body.length; at += 4 + randomInt(40)) {
    body[at] = randomInt(20);
    body[at + 1] = 0;
    body.writeUInt16BE(randomInt(body.length * 2 + 8), at + 2);
  }
  return Buffer.concat([marker ? Buffer.alloc(4) : Buffer.alloc(0), h, body]);
}
/** A well-formed first message of main mode whose only proposal (DES, MD5, MODP 768) nobody accepts. */
function weak() {
  const attributes = Buffer.from("80010001800200018003000180040001800b0001800c7080", "hex");
  const transform = Buffer.concat([Buffer.from([0, 0, 0, 8 + attributes.length, 1, 1, 0, 0]), attributes]);
  const proposal = Buffer.concat([Buffer.from([0, 0, 0, 8 + transform.length, 1, 1, 0, 1]), transform]);
  const sa = Buffer.concat([Buffer.from([0, 0, 0, 12 + proposal.length, 0, 0, 0, 1, 0, 0, 0, 1]), proposal]);
  const h = Buffer.alloc(28);
  randomBytes(8).copy(h, 0);
  h.set([1, 0x10, 2, 0], 16);
  h.writeUInt32BE(28 + sa.length, 24);
  return Buffer.concat([h, sa]);
}
function l2tp() {
  const avps = randomBytes(randomInt(0, 200));
  for (let at = 0; at + 6 < avps.length; at += 6 + randomInt(30)) {
    avps.writeUInt16BE((randomInt(2) << 15) | (randomInt(8) === 0 ? 0x4000 : 0) | randomInt(60), at);
    avps.writeUInt16BE(0, at + 2);
    avps.writeUInt16BE(randomInt(45), at + 4);
  }
  const h = Buffer.alloc(20);
  h.writeUInt16BE(randomInt(4) === 0 ? randomInt(65536) : 0xc802, 0);
  h.writeUInt16BE(12 + 8 + avps.length, 2);
  h.writeUInt16BE(randomInt(3) === 0 ? randomInt(65536) : 0, 4);
  h.writeUInt16BE(0x8008, 12);
  h.writeUInt16BE(randomInt(17), 18);
  return Buffer.concat([h, avps]);
}
function mutated() {
  const [port, bytes] = seeds[randomInt(seeds.length)];
  const b = Buffer.from(bytes);
  for (let i = randomInt(1, 6); i > 0 && b.length > 0; i--) b[randomInt(b.length)] = randomInt(256);
  return [port, randomInt(3) === 0 ? b.subarray(0, randomInt(b.length + 1)) : b];
}
function next() {
  switch (randomInt(seeds.length === 0 ? 7 : 10)) {
    case 0:
      return [[500, 4500, 1701][randomInt(3)], randomBytes(randomInt(0, 1400))];
    case 1:
      return [500, isakmp(false)];
    case 2:
      return [4500, isakmp(true)];
    case 3:
      return [4500, Buffer.concat([randomBytes(4), randomBytes(randomInt(0, 200))])]; // ESP of an SPI nobody has
    case 4:
      return [1701, l2tp()];
    case 5:
      return [4500, Buffer.from([0xff])];
    case 6:
      return [500, weak()];
    default:
      return mutated();
  }
}

for (let sent = 0; sent < Number(count); sent++) {
  const [port, bytes] = next();
  await new Promise((done) =>
    sockets[sent % sockets.length].send(bytes, port === 500 || port === 1701 ? port : 4500, target, done),
  );
  if (sent % 64 === 63) await new Promise((done) => setTimeout(done, 4));
}
for (const s of sockets) s.close();
