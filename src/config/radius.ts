// The options of a RADIUS server.
import { optional, required, withDefault } from "./option.ts";
import * as k from "./options.ts";

export const RADIUS = {
  address: required(k.address, { tab: "general", title: "Address", help: "Address of the RADIUS server." }),
  secret: optional(k.secret, {
    tab: "general",
    title: "Secret",
    help:
      "The secret shared with it: long and random, as MD5 is all that protects it on the way. Not needed with tls, " +
      "where it is radsec by default (RFC 6614).",
  }),
  tls: withDefault(k.yesNo, "no", {
    tab: "general",
    title: "TLS",
    help:
      "RADIUS over TLS (RadSec, RFC 6614), at least version 1.2: requests and accounting have the same TCP " +
      "connections. tls_ca, tls_cert and tls_key are needed.",
  }),
  tls_ca: optional(k.text(), {
    tab: "general",
    title: "CA certificate",
    offer: "upload",
    when: { tls: "1" },
    help: "File with the certificate (PEM) of the CA that issues the server's certificate.",
  }),
  tls_cert: optional(k.text(), {
    tab: "general",
    title: "Certificate",
    offer: "upload",
    when: { tls: "1" },
    help: "File with our certificate (PEM), followed by any intermediate certificates.",
  }),
  tls_key: optional(k.text(), {
    tab: "general",
    title: "Private key",
    offer: "upload",
    when: { tls: "1" },
    help: "File with the private key (PEM) of our certificate, without a passphrase.",
  }),
  tls_name: optional(k.text(), {
    tab: "general",
    title: "Server name",
    when: { tls: "1" },
    help:
      "The host name or address that the server's certificate must contain as a subjectAltName. Default: the " +
      "address. any: accept every server certificate of the CA.",
  }),
  port: optional(k.integer(1, 65535), {
    tab: "advanced",
    title: "Port",
    help: "UDP port for authentication, by default 1812. With tls: TCP port, by default 2083.",
  }),
  acct_port: withDefault(k.integer(0, 65535), "1813", {
    tab: "advanced",
    title: "Accounting port",
    help: "UDP port for accounting; 0: it gets none. With tls accounting has the connections of port.",
  }),
  timeout: withDefault(k.integer(1, 20, "seconds"), "5", {
    tab: "advanced",
    title: "Timeout",
    help:
      "How long it is asked, with growing pauses between the packets, before the next server is. A caller waits 30 " +
      "seconds in all.",
  }),
  dead_time: withDefault(k.integer(0, 3600, "seconds"), "60", {
    tab: "advanced",
    title: "Dead time",
    help: "How long it is passed over after it has fallen silent, while another one answers.",
  }),
} as const;
