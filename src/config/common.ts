// Options that several kinds of section have.
import { optional, withDefault } from "./option.ts";
import * as k from "./options.ts";

export const AUTH_METHODS = ["mschapv2", "chap", "mschap", "eap", "pap"] as const;

export const ipsec = {
  psk: optional(k.secret, { tab: "general", title: "Pre-shared key", help: "Pre-shared key. Turns IPsec on." }),
  cert: optional(k.text(), {
    tab: "security",
    title: "IPsec certificate",
    offer: "upload",
    help:
      "File with this side's certificate (PEM), followed by any intermediate certificates. Turns IPsec on, with " +
      "certificates in place of a pre-shared key; a server may have both.",
  }),
  key: optional(k.text(), {
    tab: "security",
    title: "IPsec private key",
    offer: "upload",
    help: "File with the private key (PEM) of cert, without a passphrase.",
  }),
  ca: optional(k.text(), {
    tab: "security",
    title: "IPsec CA",
    offer: "upload",
    help: "File with the certificates (PEM) of the CAs that peers' certificates must come from.",
  }),
  crl: optional(k.text(), {
    tab: "security",
    title: "IPsec CRL",
    offer: "upload",
    help:
      "File with the CRLs (PEM) of these CAs. The CA of a peer must have a valid one. A server reads it again at a " +
      "reload.",
  }),
  ipsec: optional(k.oneOf("required", "off"), {
    tab: "security",
    title: "IPsec",
    against: {
      value: "off",
      other: "psk",
      why: "IPsec is off, but there is a pre-shared key: remove it, or leave IPsec on",
    },
    help:
      "required: L2TP packets are sent and accepted inside ESP only; the default with a psk or a cert. off: " +
      "L2TP in the clear, for a provider whose own network carries it, and for troubleshooting.",
  }),
  encap: withDefault(k.oneOf("auto", "udp", "esp"), "auto", {
    tab: "advanced",
    title: "Encapsulation",
    help: "auto: raw ESP, or UDP 4500 behind a NAT. udp: always UDP 4500. esp: always raw ESP; a NAT is an error.",
  }),
  ike_mode: withDefault(k.oneOf("main", "aggressive"), "main", {
    tab: "expert",
    title: "IKE mode",
    help:
      "aggressive: IKEv1's aggressive mode with a pre-shared key, for a server that asks for it, with its group name " +
      "as local_id = keyid:NAME; a server answers it as well. It shows both identities to everybody on the path, and " +
      "a hash of the key that can be guessed offline: use a long random key.",
  }),
  ike_proposals: optional(k.ikeProposals, {
    tab: "security",
    title: "IKE proposals",
    help:
      "Phase 1 proposals, in order of preference. Default: strong ones that current peers support, without " +
      "3DES and MODP1024; use default 3des-sha1-modp1024 to accept an old peer as well. IKEv2 has AES-GCM and " +
      "ChaCha20-Poly1305 before the default ones, with ML-KEM against quantum computers where both sides have it; " +
      "aes256gcm16-sha256-x25519-mlkem768 insists on it.",
  }),
  esp_proposals: optional(k.espProposals, {
    tab: "security",
    title: "ESP proposals",
    help:
      "ESP proposals, in order of preference. Default: AES-GCM, then AES-CBC; on a CPU without AES instructions " +
      "ChaCha20-Poly1305 first. Use default 3des-sha1 to accept an old peer as well.",
  }),
  ppk: optional(k.secret, {
    tab: "expert",
    title: "Post-quantum key",
    help:
      "A second key, long and random, mixed into all others (RFC 8784): what is recorded today stays closed to " +
      "quantum computers. Both sides need it; only IKEv2 has it, and a section with it speaks no IKEv1.",
  }),
  ppk_id: withDefault(k.text(), "l2tpsec", {
    tab: "expert",
    title: "Name of the post-quantum key",
    help: "The name that both sides know the ppk by.",
  }),
  local_id: optional(k.ikeId, {
    tab: "security",
    title: "Local identity",
    help:
      "Our IKE identity: an address, a host name, user@name or a distinguished name. Default: our address. With " +
      "cert: a name in our certificate, by default its subject.",
  }),
  remote_id: optional(k.ikeId, {
    tab: "security",
    title: "Remote identity",
    help:
      "The IKE identity that the peer must present. Default: any identity; the key authenticates the peer. With " +
      "cert: a name that the peer's certificate must contain; a client's default is server, a server's any name.",
  }),
  ike_lifetime: withDefault(k.integer(60, 604800, "seconds"), "28800", {
    tab: "expert",
    title: "IKE lifetime",
    help: "Lifetime of the ISAKMP SA. It is renewed before it expires.",
  }),
  esp_lifetime: withDefault(k.integer(30, 86400, "seconds"), "3600", {
    tab: "expert",
    title: "ESP lifetime",
    help: "Lifetime of the ESP SAs. They are renewed before they expire.",
  }),
  esp_lifetime_mbytes: withDefault(k.integer(0, 1048576, "MiB"), "0", {
    tab: "expert",
    title: "ESP lifetime in MiB",
    help: "Also renew the ESP SAs after this much data; 0: only when the cipher requires it (3DES).",
  }),
  dpd: withDefault(k.integer(0, 3600, "seconds"), "30", {
    tab: "advanced",
    title: "Dead peer detection",
    help: "Probe the IKE peer after this period of silence; 0: off.",
  }),
} as const;

export const l2tp = {
  tunnel_secret: optional(k.secret, {
    tab: "security",
    title: "Tunnel secret",
    help: "Shared secret for L2TP tunnel authentication.",
  }),
  hide_avps: withDefault(k.yesNo, "no", {
    tab: "expert",
    title: "Hide AVPs",
    help: "Hide AVP values with tunnel_secret (RFC 2661 4.3). IPsec already encrypts them.",
  }),
  hostname: optional(k.text(64), {
    tab: "advanced",
    title: "Host name",
    help: "Host Name sent to the L2TP peer. Default: the name of this machine.",
  }),
  hello: withDefault(k.integer(0, 3600, "seconds"), "60", {
    tab: "advanced",
    title: "Hello interval",
    help: "Send an L2TP Hello after this period of silence; 0: off.",
  }),
  sequencing: withDefault(k.yesNo, "no", {
    tab: "expert",
    title: "Sequence numbers",
    help: "Use sequence numbers on data packets. Packets that arrive out of order are reordered.",
  }),
  keepalive: withDefault(k.keepalive, "5 10", {
    tab: "advanced",
    title: "Keepalive",
    help:
      "LCP echo: the number of unanswered requests that end the link, and the interval between requests in " +
      "seconds. Received data postpones the next request.",
  }),
  mtu: optional(k.integer(576, 1500, "bytes"), {
    tab: "advanced",
    title: "MTU",
    help: "MTU of the netdev. Default: the largest that fits the path whole, inside IPsec at most 1400.",
  }),
  mrru: optional(k.integer(1500, 1800, "bytes"), {
    tab: "advanced",
    title: "Multilink (MRRU)",
    help:
      "Multilink (RFC 1990): with a peer that has it too, packets up to this length pass in fragments that fit the " +
      "path, and the netdev's MTU is 1500. mtu is what passes whole then. Default: none, with bridge 1600.",
  }),
  vj: withDefault(k.yesNo, "no", {
    tab: "expert",
    title: "Header compression",
    help:
      "Van Jacobson header compression (RFC 1144), if the peer supports it. Turn sequencing on too, so that " +
      "lost packets are noticed.",
  }),
  deflate: withDefault(k.yesNo, "no", {
    tab: "expert",
    title: "Deflate",
    help:
      "Compress packets with Deflate (RFC 1979), if the peer supports it and zlib is installed. For slow " +
      "lines: any compression makes every packet pass through the control process, which slows a fast link " +
      "down.",
  }),
  bsdcomp: withDefault(k.yesNo, "no", {
    tab: "expert",
    title: "BSD-Compress",
    help: "Compress packets with BSD-Compress (RFC 1977) if Deflate is not available.",
  }),
  mppc: withDefault(k.yesNo, "no", {
    tab: "expert",
    title: "MPPC",
    help: "Compress packets with MPPC (RFC 2118), for a peer that supports nothing else; alone or with MPPE.",
  }),
  mppe: withDefault(k.oneOf("no", "128", "56", "40"), "no", {
    tab: "expert",
    title: "MPPE encryption",
    help:
      "Require MPPE (RFC 3078, keys from MS-CHAP), for a peer that insists on it. The value is the minimum key " +
      "length; 128 bits are used if the peer supports them. The session fails without MPPE. RC4 is weak: rely " +
      "on IPsec for protection.",
  }),
} as const;

/** EAP-TLS as the peer (RFC 5216), which authenticates with a certificate. */
export const eapTls = {
  eap_ca: optional(k.text(), {
    tab: "security",
    title: "CA certificate",
    offer: "upload",
    help:
      "EAP-TLS: file with the certificate (PEM) of the CA that issues the server's certificate. With these " +
      "files, EAP-TLS is the only authentication method in use, and no password is needed.",
  }),
  eap_cert: optional(k.text(), {
    tab: "security",
    title: "Certificate",
    offer: "upload",
    help: "EAP-TLS: file with our certificate (PEM), followed by any intermediate certificates.",
  }),
  eap_key: optional(k.text(), {
    tab: "security",
    title: "Private key",
    offer: "upload",
    help: "EAP-TLS: file with the private key (PEM) of our certificate, without a passphrase.",
  }),
  eap_server_name: optional(k.text(), {
    tab: "security",
    title: "Server name",
    help:
      "EAP-TLS: the host name or address that the server's certificate must contain as a subjectAltName. any: " +
      "accept every server certificate of the CA.",
  }),
} as const;

/** Of defaultroute, as both forms show it. */
export const TRAFFIC = {
  "0": "Only to the networks behind the peer",
  "1": "Everything",
} as const;

/** Options of both tunnels and serial lines. */
export const common = {
  new_password: optional(k.secret, {
    tab: "advanced",
    title: "New password",
    help:
      "The password that takes the place of password when the server says that it has expired (MS-CHAPv2, MS-CHAP). " +
      "Then put it into password, and remove this.",
  }),
  fallback_for: optional(k.linkName, {
    tab: "advanced",
    title: "Backup for",
    offer: "link",
    help:
      "Another interface of this daemon's: this one waits while that one is up, and stands in for it while it is " +
      "down. `up` of this one does not wait.",
  }),
  fallback_after: withDefault(k.integer(0, 86400, "seconds"), "30", {
    tab: "advanced",
    title: "Backup after",
    help: "With fallback_for: how long that interface may be down, or take to come up, before this one dials.",
  }),
  fallback_hold: withDefault(k.integer(0, 86400, "seconds"), "60", {
    tab: "advanced",
    title: "Backup until",
    help: "With fallback_for: how long that interface must have been up again before this one goes down.",
  }),
  auto: withDefault(k.yesNo, "yes", {
    tab: "advanced",
    title: "Start automatically",
    help: "Bring the link up when the daemon starts.",
  }),
  routes: optional(k.networks, {
    tab: "general",
    title: "Networks behind the peer",
    help: "Networks behind the peer, which are routed into the link. 0.0.0.0/0 and ::/0 mean defaultroute = yes.",
  }),
  metric: withDefault(k.integer(0, 4294967295), "0", {
    tab: "advanced",
    title: "Route metric",
    help: "Metric of the link's routes.",
    form:
      "With metric 0, the default route is set as two halves: it takes precedence over the route of wan, which " +
      "stays in place. Otherwise the route with the lower metric wins.",
  }),
  peerdns: withDefault(k.yesNo, "yes", {
    tab: "advanced",
    title: "Use the peer's DNS servers",
    help: "Ask the server for DNS servers. netifd uses them, and the status shows them.",
  }),
  ipv6: withDefault(k.oneOf("no", "yes", "auto"), "no", {
    tab: "advanced",
    title: "IPv6",
    help:
      "yes: also use IPv6, if the peer supports it (IPV6CP). auto: the same, and netifd gets an interface " +
      "NAME_6 that requests addresses from the peer by DHCPv6.",
  }),
  refuse_chap: withDefault(k.yesNo, "no", {
    tab: "security",
    title: "Refuse CHAP",
    help: "Do not authenticate with CHAP-MD5.",
  }),
  refuse_mschapv2: withDefault(k.yesNo, "no", {
    tab: "security",
    title: "Refuse MS-CHAPv2",
    help: "Do not authenticate with MS-CHAPv2.",
  }),
} as const;
