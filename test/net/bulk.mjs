// Bulk data whose every byte is looked at.
//   bulk.mjs serve ADDRESS | tcp ADDRESS BYTES [FROM] | udp ADDRESS COUNT [FROM]
// serve: TCP 7001 answers with the SHA-256 of what it got, then sends it back; UDP 7001 sends each datagram back.
import { createHash, randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect, createServer } from "node:net";

const PORT = 7001;
const [what, address = "", amount = "0", from = ""] = process.argv.slice(2);
const sha = (b) => createHash("sha256").update(b).digest("hex");
const family = address.includes(":") ? "udp6" : "udp4";

if (what === "serve") {
  createServer({ allowHalfOpen: true }, (c) => {
    const parts = [];
    c.on("data", (d) => parts.push(d));
    c.on("end", () => c.end(Buffer.concat(parts)));
    c.on("error", () => {});
  }).listen(PORT, address, () => console.log("listening"));
  const s = createSocket({ type: family, recvBufferSize: 4 << 20 });
  s.on("message", (m, from) => s.send(m, from.port, from.address));
  s.bind(PORT, address);
} else if (what === "tcp") {
  const data = randomBytes(Number(amount));
  const c = connect({ port: PORT, host: address, ...(from === "" ? {} : { localAddress: from }) });
  const parts = [];
  c.on("data", (d) => parts.push(d));
  c.on("end", () => {
    const back = Buffer.concat(parts);
    console.log(JSON.stringify({ sent: data.length, same: sha(back) === sha(data) }));
    process.exit(0);
  });
  c.end(data);
} else {
  // Rows of equal length, as a coalescing reader likes them, and odd ones in between.
  const s = createSocket({ type: family, recvBufferSize: 4 << 20 });
  const all = Array.from({ length: Number(amount) }, (_, i) => {
    const b = randomBytes(i % 17 === 0 ? 8 + (i % 900) : 1200);
    b.writeUInt32BE(i, 0);
    return b;
  });
  let same = 0;
  let other = 0;
  s.on("message", (m) => (all[m.readUInt32BE(0)]?.equals(m) === true ? same++ : other++));
  const step = (i) => {
    for (let k = i; k < Math.min(i + 20, all.length); k++) s.send(all[k], PORT, address);
    if (i < all.length) setTimeout(step, 2, i + 20);
    else
      setTimeout(() => {
        console.log(JSON.stringify({ sent: all.length, same, other }));
        process.exit(0);
      }, 500);
  };
  s.bind(0, from === "" ? undefined : from, () => step(0));
}
