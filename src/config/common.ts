// Options that several kinds of section have.
import { optional, withDefault } from "./option.ts";
import * as k from "./options.ts";

export const AUTH_METHODS = ["mschapv2", "chap", "mschap", "eap", "pap"] as const;

export const ipsec = {
  psk: optional(k.secret, { tab: "general", title: "Pre-shared key", help: "Pre-shared key. Turns IPsec on." }),
  ipsec: optional(k.oneOf("required", "off"), {
    tab: "ipsec",
    title: "IPsec",
    against: {
      value: "off",
      other: "psk",
      why: "IPsec is off, but there is a pre-shared key: remove it, or leave IPsec on",
    },
    help:
      "required: no L2TP packet ever leaves or is accepted outside ESP; the default as soon as there is a " +
      "psk. off: L2TP in the clear, for troubleshooting only, warned about at every start.",
  }),
  encap: withDefault(k.oneOf("auto", "udp", "esp"), "auto", {
    tab: "ipsec",
    title: "Encapsulation",
    help:
      "auto: raw ESP, or UDP 4500 when there is a NAT. udp: always UDP 4500. esp: always raw ESP, refuse a " + "NAT.",
  }),
  ike_proposals: optional(k.ikeProposals, {
    tab: "ipsec",
    title: "IKE proposals",
    help:
      "Phase 1 proposals, best first. Default: strong ones that current peers know, without 3DES and " +
      "MODP1024; default 3des-sha1-modp1024 takes an old peer as well.",
  }),
  esp_proposals: optional(k.espProposals, {
    tab: "ipsec",
    title: "ESP proposals",
    help:
      "ESP proposals, best first. Default: AES-GCM, then AES-CBC; default 3des-sha1 takes an old peer as " + "well.",
  }),
  local_id: optional(k.ikeId, {
    tab: "ipsec",
    title: "Local identity",
    help: "Our IKE identity: an address, a host name or user@name. Default: our address.",
  }),
  remote_id: optional(k.ikeId, {
    tab: "ipsec",
    title: "Remote identity",
    help: "The IKE identity that the peer must show. Default: any, the key decides.",
  }),
  ike_lifetime: withDefault(k.integer(60, 604800, "seconds"), "28800", {
    tab: "ipsec",
    title: "IKE lifetime",
    help: "Life of the ISAKMP SA; it is renewed before.",
  }),
  esp_lifetime: withDefault(k.integer(30, 86400, "seconds"), "3600", {
    tab: "ipsec",
    title: "ESP lifetime",
    help: "Life of the ESP SAs; they are renewed before.",
  }),
  esp_lifetime_mbytes: withDefault(k.integer(0, 1048576, "MiB"), "0", {
    tab: "ipsec",
    title: "ESP lifetime in MiB",
    help: "Renew the ESP SAs after so many MiB as well; 0: only where the cipher asks for it (3DES).",
  }),
  dpd: withDefault(k.integer(0, 3600, "seconds"), "30", {
    tab: "ipsec",
    title: "Dead peer detection",
    help: "Dead peer detection: ask after so much silence; 0: off.",
  }),
} as const;

export const l2tp = {
  tunnel_secret: optional(k.secret, {
    tab: "l2tp",
    title: "Tunnel secret",
    help: "L2TP tunnel authentication: the shared secret of the challenge.",
  }),
  hide_avps: withDefault(k.yesNo, "no", {
    tab: "l2tp",
    title: "Hide AVPs",
    help: "Hide what the tunnel's AVPs say (RFC 2661 4.3) with tunnel_secret. IPsec hides it already.",
  }),
  hostname: optional(k.text(64), {
    tab: "l2tp",
    title: "Host name",
    help: "Host Name that we tell the L2TP peer. Default: this machine's.",
  }),
  hello: withDefault(k.integer(0, 3600, "seconds"), "60", {
    tab: "l2tp",
    title: "Hello interval",
    help: "L2TP Hello after so much silence; 0: off.",
  }),
  sequencing: withDefault(k.yesNo, "no", {
    tab: "l2tp",
    title: "Sequence numbers",
    help: "Sequence numbers on data packets; those that arrive out of order are put in order.",
  }),
  keepalive: withDefault(k.keepalive, "5 10", {
    tab: "ppp",
    title: "Keepalive",
    help: "LCP echo: give up after so many lost ones, one every so many seconds of silence.",
  }),
  mtu: optional(k.integer(576, 1500, "bytes"), {
    tab: "ppp",
    title: "MTU",
    help: "MTU of the netdev. Default: what fits the path unfragmented, 1400 at most.",
  }),
  dataplane: withDefault(k.oneOf("auto", "kernel", "userspace"), "auto", {
    tab: "l2tp",
    title: "Data plane",
    help: "Where packets move. This version has userspace only.",
  }),
  vj: withDefault(k.yesNo, "no", {
    tab: "ppp",
    title: "Header compression",
    help:
      "Van Jacobson header compression (RFC 1144), where the other side has it; with sequencing, so that a " +
      "lost packet is noticed.",
  }),
  deflate: withDefault(k.yesNo, "no", {
    tab: "ppp",
    title: "Deflate",
    help:
      "Compress packets with Deflate (RFC 1979), where the other side and this machine (zlib) have it: for " +
      "a tunnel on a slow line. With any compression each packet visits the control process, so a fast link gets " +
      "slower.",
  }),
  bsdcomp: withDefault(k.yesNo, "no", {
    tab: "ppp",
    title: "BSD-Compress",
    help: "Compress packets with BSD-Compress (RFC 1977), where Deflate is not to be had.",
  }),
  mppc: withDefault(k.yesNo, "no", {
    tab: "ppp",
    title: "MPPC",
    help: "Compress packets with MPPC (RFC 2118), for a peer that has nothing else; alone or together with " + "MPPE.",
  }),
  mppe: withDefault(k.oneOf("no", "128", "56", "40"), "no", {
    tab: "ppp",
    title: "MPPE encryption",
    help:
      "Encrypt with MPPE (RFC 3078, keys from MS-CHAP) for a peer that insists on it: with so many bits at " +
      "least, 128 where the peer has them; the session ends without it. RC4 is weak: IPsec is what protects.",
  }),
} as const;

/** EAP-TLS as the side that shows a certificate. */
export const eapTls = {
  eap_ca: optional(k.text(), {
    tab: "ppp",
    title: "CA certificate",
    help:
      "EAP-TLS: file with the certificate (PEM) of the CA that the server's must come from. With these " +
      "files EAP-TLS is the only proof that is given, and no password is needed.",
  }),
  eap_cert: optional(k.text(), {
    tab: "ppp",
    title: "Certificate",
    help: "EAP-TLS: file with our certificate (PEM), and those between it and its CA.",
  }),
  eap_key: optional(k.text(), {
    tab: "ppp",
    title: "Private key",
    help: "EAP-TLS: file with the private key (PEM) of our certificate, without a passphrase.",
  }),
  eap_server_name: optional(k.text(), {
    tab: "ppp",
    title: "Server name",
    help:
      "EAP-TLS: the host name or address that must be among the subjectAltNames of the server's " +
      "certificate; any: every server of that CA will do.",
  }),
} as const;

/** Of tunnels and serial lines. */
export const common = {
  auto: withDefault(k.yesNo, "yes", {
    tab: "routing",
    title: "Start automatically",
    help: "Bring the link up when the daemon starts.",
  }),
  routes: optional(k.networks, {
    tab: "routing",
    title: "Networks behind the peer",
    help: "Networks behind the peer, routed into the link. 0.0.0.0/0 or ::/0 is the same as defaultroute = yes.",
  }),
  metric: withDefault(k.integer(0, 4294967295), "0", {
    tab: "routing",
    title: "Route metric",
    help: "Metric of the link's routes.",
    form:
      "With 0 a default route is set as two halves, so that it comes before that of wan and leaves it in " +
      "place; with another metric the lower one wins.",
  }),
  peerdns: withDefault(k.yesNo, "yes", {
    tab: "routing",
    title: "Use the peer's DNS servers",
    help: "Ask the server for DNS servers: netifd uses them, and the status shows them.",
  }),
  ipv6: withDefault(k.oneOf("no", "yes", "auto"), "no", {
    tab: "routing",
    title: "IPv6",
    help:
      "yes: IPv6 as well, where the peer has it (IPV6CP). auto: that, and netifd gets an interface NAME_6 " +
      "that asks the peer for addresses by DHCPv6.",
  }),
  refuse_chap: withDefault(k.yesNo, "no", { tab: "ppp", title: "Refuse CHAP", help: "Do not answer to CHAP-MD5." }),
  refuse_mschapv2: withDefault(k.yesNo, "no", {
    tab: "ppp",
    title: "Refuse MS-CHAPv2",
    help: "Do not answer to MS-CHAPv2.",
  }),
} as const;
