'use strict';
'require baseclass';

/* Written by `make generate` from src/config, as a test checks: do not edit. Every option of the daemon with its
   title, help, default and grammar, and the daemon's own reader of grammars. */

"use strict";
var grammar = (() => {
  var __defProp = Object.defineProperty;
  var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
  var __getOwnPropNames = Object.getOwnPropertyNames;
  var __hasOwnProp = Object.prototype.hasOwnProperty;
  var __defNormalProp = (obj, key, value) => key in obj ? __defProp(obj, key, { enumerable: true, configurable: true, writable: true, value }) : obj[key] = value;
  var __export = (target, all) => {
    for (var name in all)
      __defProp(target, name, { get: all[name], enumerable: true });
  };
  var __copyProps = (to, from, except, desc) => {
    if (from && typeof from === "object" || typeof from === "function") {
      for (let key of __getOwnPropNames(from))
        if (!__hasOwnProp.call(to, key) && key !== except)
          __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
    }
    return to;
  };
  var __toCommonJS = (mod) => __copyProps(__defProp({}, "__esModule", { value: true }), mod);
  var __publicField = (obj, key, value) => __defNormalProp(obj, typeof key !== "symbol" ? key + "" : key, value);

  var grammar_exports = {};
  __export(grammar_exports, {
    read: () => read
  });

  var ConfigError = class extends Error {
    constructor(where, why) {
      super("".concat(where, ": ").concat(why));
      __publicField(this, "name", "ConfigError");
      __publicField(this, "where");
      this.where = where;
    }
  };

  function get8(b, at) {
    return b[at];
  }
  function get16(b, at) {
    return b[at] << 8 | b[at + 1];
  }
  function get32(b, at) {
    return (get16(b, at) << 16 | get16(b, at + 2)) >>> 0;
  }
  function put16(b, at, v) {
    b[at] = v >>> 8;
    b[at + 1] = v;
  }

  function parseIp(s) {
    return s.includes(":") ? parse6(s) : parse4(s);
  }
  function parse4(s) {
    const m = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(s);
    if (!m) return null;
    const out = new Uint8Array(4);
    for (let i = 0; i < 4; i++) {
      const part = m[i + 1];
      if (Number(part) > 255 || part.length > 1 && part.startsWith("0")) return null;
      out[i] = Number(part);
    }
    return out;
  }
  function parse6(s) {
    const halves = s.split("::");
    if (halves.length > 2) return null;
    const words = (t) => {
      if (t === "") return [];
      const out2 = [];
      const parts = t.split(":");
      for (const [i, p] of parts.entries()) {
        if (i === parts.length - 1 && p.includes(".")) {
          const v4 = parse4(p);
          if (!v4) return null;
          out2.push(get16(v4, 0), get16(v4, 2));
        } else {
          if (!/^[0-9a-fA-F]{1,4}$/.test(p)) return null;
          out2.push(Number.parseInt(p, 16));
        }
      }
      return out2;
    };
    const head = words(halves[0]);
    const tail = halves.length === 2 ? words(halves[1]) : [];
    if (!head || !tail) return null;
    const gap = 8 - head.length - tail.length;
    if (halves.length === 2 ? gap < 1 : gap !== 0) return null;
    const all = [...head, ...new Array(halves.length === 2 ? gap : 0).fill(0), ...tail];
    const out = new Uint8Array(16);
    for (const [i, w] of all.entries()) {
      put16(out, 2 * i, w);
    }
    return out;
  }
  function formatIp(b) {
    if (b.length === 4) return b.join(".");
    if (b.length !== 16) throw new RangeError("address of ".concat(b.length, " bytes"));
    const w = [];
    for (let i = 0; i < 16; i += 2) w.push(get16(b, i));
    let best = -1;
    let len = 1;
    for (let i = 0; i < 8; i++) {
      let n = 0;
      while (i + n < 8 && w[i + n] === 0) n++;
      if (n > len) {
        best = i;
        len = n;
      }
      if (n > 0) i += n - 1;
    }
    const text = (a) => a.map((x) => x.toString(16)).join(":");
    return best < 0 ? text(w) : "".concat(text(w.slice(0, best)), "::").concat(text(w.slice(best + len)));
  }
  function canonicalIp(s) {
    const b = parseIp(s);
    return b && formatIp(b);
  }
  function parsePrefix(s) {
    const m = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(s);
    const b = m && parseIp(m[1]);
    if (!m || !b) return null;
    const length = m[2] === void 0 ? b.length * 8 : Number(m[2]);
    if (length > b.length * 8) return null;
    for (let i = 0; i < b.length; i++) {
      const keep = Math.max(0, Math.min(8, length - 8 * i));
      b[i] = get8(b, i) & 65280 >> keep;
    }
    return { address: formatIp(b), length };
  }
  function ip4ToNumber(s) {
    const b = parse4(s);
    if (!b) throw new RangeError("not an IPv4 address: ".concat(s));
    return get32(b, 0);
  }

  var DAY = 1440;

  var GROUPS = {
    modp1024: [2, 128],
    modp1536: [5, 192],
    modp2048: [14, 256],
    modp3072: [15, 384],
    modp4096: [16, 512],
    modp6144: [17, 768],
    modp8192: [18, 1024],
    ecp256: [19, 64],
    ecp384: [20, 96],
    ecp521: [21, 132],
    modp2048s256: [24, 256],
    x25519: [31, 32],
    x448: [32, 56]
  };
  var KEMS = { mlkem512: 35, mlkem768: 36, mlkem1024: 37 };
  var MOST_ADD_KE = 7;
  var HASHES = { md5: 1, sha1: 2, sha256: 4, sha384: 5, sha512: 6 };
  var IKE_CIPHERS = {
    aes256: ["aes", 256],
    aes192: ["aes", 192],
    aes128: ["aes", 128],
    camellia256: ["camellia", 256],
    camellia192: ["camellia", 192],
    camellia128: ["camellia", 128],
    "3des": ["3des", 192]
  };
  var ESP_CIPHERS = {
    aes256gcm16: [20, 256, 36],
    aes192gcm16: [20, 192, 28],
    aes128gcm16: [20, 128, 20],
    aes256gcm12: [19, 256, 36],
    aes128gcm12: [19, 128, 20],
    aes256gcm8: [18, 256, 36],
    aes128gcm8: [18, 128, 20],
    chacha20poly1305: [28, 0, 36],
    aes256: [12, 256, 32],
    aes192: [12, 192, 24],
    aes128: [12, 128, 16],
    camellia256: [22, 256, 32],
    camellia192: [22, 192, 24],
    camellia128: [22, 128, 16],
    "3des": [3, 0, 24],
    null: [11, 0, 0]
  };
  var INTEGS = {
    md5: [1, 16],
    sha1: [2, 20],
    sha256: [5, 32],
    sha384: [6, 48],
    sha512: [7, 64],
    sha256_96: [5, 32],
    none: [0, 0]
  };
  var own = (table, key) => Object.hasOwn(table, key);
  var keys = (table) => Object.keys(table).join(" ");
  var isAead = (c) => c.includes("gcm") || c === "chacha20poly1305";
  var IKE_AEADS = {
    aes256gcm16: ["aes-gcm", 256],
    aes192gcm16: ["aes-gcm", 192],
    aes128gcm16: ["aes-gcm", 128],
    chacha20poly1305: ["chacha20-poly1305", 256]
  };
  function parseIke2Proposal(s, where = "ike_proposals") {
    const [cipher = "", hash = "", group = "", ...rest] = s.toLowerCase().split("-");
    const ciphers = { ...IKE_CIPHERS, ...IKE_AEADS };
    const allowed = "allowed: CIPHER-HASH-GROUP of ".concat(keys(ciphers), " - ").concat(keys(HASHES), " - ").concat(keys(GROUPS), "; with gcm16, poly1305 and ") + "-".concat(keys(KEMS).replaceAll(" ", " -"), " behind the group for IKEv2 alone");
    const c = own(ciphers, cipher) ? ciphers[cipher] : void 0;
    const addKe = parseAddKe(group, rest);
    if (!c || !own(HASHES, hash) || !own(GROUPS, group) || !addKe) {
      throw new ConfigError(where, "not a phase 1 proposal: ".concat(JSON.stringify(s), " (").concat(allowed, ")"));
    }
    const text = [cipher, hash, group, ...addKe].join("-");
    return { text, cipher: c[0], keyBits: c[1], hash, group, ...addKe.length > 0 ? { addKe } : {} };
  }
  function parseAddKe(group, list) {
    const known = list.filter((k) => own(KEMS, k) || own(GROUPS, k));
    const different = (/* @__PURE__ */ new Set([group, ...list])).size === list.length + 1;
    return known.length === list.length && list.length <= MOST_ADD_KE && different ? known : null;
  }
  function isIke1(p) {
    return p.cipher !== "aes-gcm" && p.cipher !== "chacha20-poly1305" && !p.addKe;
  }
  function parseIkeProposal(s, where = "ike_proposals") {
    const p = parseIke2Proposal(s, where);
    if (!isIke1(p)) throw new ConfigError(where, "".concat(p.text, ": only IKEv2 has it"));
    return p;
  }
  function parseEspProposal(s, where = "esp_proposals") {
    var _a, _b;
    const parts = s.toLowerCase().split("-");
    const integs = keys(INTEGS).replace(" none", "");
    const allowed = "allowed: CIPHER-HASH[-GROUP] of ".concat(keys(ESP_CIPHERS), " - ").concat(integs, " - ").concat(keys(GROUPS), "; ") + "no HASH with gcm and poly1305; -".concat(keys(KEMS).replaceAll(" ", " -"), " behind the group for IKEv2 alone");
    const fault = new ConfigError(where, "not an ESP proposal: ".concat(JSON.stringify(s), " (").concat(allowed, ")"));
    const cipher = (_a = parts.shift()) != null ? _a : "";
    if (!own(ESP_CIPHERS, cipher)) throw fault;
    let integ = "none";
    if (!isAead(cipher)) integ = (_b = parts.shift()) != null ? _b : "";
    if (!own(INTEGS, integ) || integ === "none" !== isAead(cipher)) throw fault;
    const group = parts.shift();
    const addKe = parseAddKe(group != null ? group : "", parts);
    if (group !== void 0 && !own(GROUPS, group) || !addKe) throw fault;
    const text = [espText(cipher, integ, group != null ? group : null), ...addKe].join("-");
    return { text, cipher, integ, group: group != null ? group : null, ...addKe.length > 0 ? { addKe } : {} };
  }
  var espText = (c, i, g) => [c, ...i === "none" ? [] : [i], ...g ? [g] : []].join("-");
  var ike = (list) => list.split(" ").map((s) => parseIkeProposal(s));
  var esp = (list) => list.split(" ").map((s) => parseEspProposal(s));
  var IKE_INITIATOR = ike(
    "aes256-sha256-modp2048 aes256-sha1-modp2048 aes128-sha256-modp2048 aes128-sha1-modp2048 aes256-sha256-x25519 aes256-sha256-ecp256 aes256-sha384-ecp384 aes256-sha512-modp4096 aes256-sha256-modp3072 aes256-sha1-modp1536 aes128-sha256-modp1536 aes128-sha1-modp1536 aes256-sha1-ecp384 aes128-sha256-ecp256"
  );
  var IKE_RESPONDER = ike(
    "aes256-sha256-x25519 aes256-sha384-ecp384 aes256-sha1-ecp384 aes256-sha256-ecp256 aes128-sha256-ecp256 aes128-sha1-ecp256 aes256-sha512-ecp521 aes256-sha384-ecp521 aes256-sha256-ecp521 aes256-sha256-ecp384 aes256-sha384-ecp256 aes256-sha512-ecp384 aes256-sha384-modp4096 aes256-sha384-modp3072 aes256-sha512-modp3072 aes256-sha512-modp4096 aes256-sha256-modp4096 aes256-sha256-modp3072 aes256-sha512-modp2048 aes256-sha384-modp2048 aes256-sha256-modp2048 aes256-sha1-modp2048 aes192-sha256-modp2048 aes192-sha1-modp2048 aes128-sha256-modp2048 aes128-sha1-modp2048 aes256-sha256-modp1536 aes256-sha1-modp1536 aes128-sha256-modp1536 aes128-sha1-modp1536"
  );
  var ESP_DEFAULT = esp("aes256gcm16 aes128gcm16 aes256-sha256 aes128-sha256 aes256-sha1 aes192-sha1 aes128-sha1");
  var CHACHA20 = esp("chacha20poly1305");
  var ESP_SLOW_AES = esp(
    "chacha20poly1305 aes128-sha1 aes128-sha256 aes128gcm16 aes256-sha1 aes256-sha256 aes256gcm16 aes192-sha1"
  );
  var ESP_MORE = esp("aes192gcm16 aes256-sha512 aes256-sha384 aes192-sha256");
  var ESP_RESPONDER = [...CHACHA20, ...ESP_DEFAULT, ...ESP_MORE];
  var ESP_SLOW_RESPONDER = [...ESP_SLOW_AES, ...ESP_MORE];
  var P1 = { cipher: 1, hash: 2, auth: 3, group: 4, lifeType: 11, duration: 12, keyLength: 14 };
  var P1_LIFE = [P1.lifeType, P1.duration];
  var AUTH = { psk: 1, rsa: 3, ecdsa256: 9, ecdsa384: 10, ecdsa521: 11 };
  var AUTH_TEXT = {
    [AUTH.psk]: "a pre-shared key",
    [AUTH.rsa]: "RSA certificates",
    [AUTH.ecdsa256]: "ECDSA P-256 certificates",
    [AUTH.ecdsa384]: "ECDSA P-384 certificates",
    [AUTH.ecdsa521]: "ECDSA P-521 certificates"
  };
  var P2 = { lifeType: 1, duration: 2, group: 3, encap: 4, auth: 5, keyLength: 6 };
  var P2_LIFE = [P2.lifeType, P2.duration];

  function utf8(s) {
    var _a;
    const out = [];
    for (const ch of s) {
      let c = (_a = ch.codePointAt(0)) != null ? _a : 65533;
      if (c >= 55296 && c <= 57343) c = 65533;
      if (c < 128) out.push(c);
      else if (c < 2048) out.push(192 | c >> 6, 128 | c & 63);
      else if (c < 65536) out.push(224 | c >> 12, 128 | c >> 6 & 63, 128 | c & 63);
      else out.push(240 | c >> 18, 128 | c >> 12 & 63, 128 | c >> 6 & 63, 128 | c & 63);
    }
    return Uint8Array.from(out);
  }
  function hex(b) {
    let s = "";
    for (const x of b) s += (x < 16 ? "0" : "") + x.toString(16);
    return s;
  }
  function unhex(s) {
    if (s.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(s)) return null;
    const out = new Uint8Array(s.length / 2);
    for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(s.slice(2 * i, 2 * i + 2), 16);
    return out;
  }

  var ATTRIBUTES = {
    "2.5.4.3": "CN",
    "2.5.4.4": "SN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "title",
    "2.5.4.42": "GN",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress"
  };
  var ALIASES = {
    ...Object.fromEntries(Object.entries(ATTRIBUTES).map(([id, name]) => [name.toLowerCase(), id])),
    e: "1.2.840.113549.1.9.1",
    email: "1.2.840.113549.1.9.1",
    s: "2.5.4.8"
  };
  function parseName(text) {
    var _a;
    const all = attributes(text);
    return (_a = all == null ? void 0 : all.map(([type, value]) => "".concat(ATTRIBUTES[type], "=").concat(value)).join(", ")) != null ? _a : null;
  }
  function attributes(text) {
    const t = text.trim();
    const parts = t.startsWith("/") ? t.slice(1).split("/") : pieces(t);
    const out = [];
    for (const part of parts) {
      const m = /^\s*([A-Za-z]+)\s*=\s*([^\s].*)$/s.exec(part);
      const type = m && ALIASES[m[1].toLowerCase()];
      if (!m || type === null || type === void 0) return null;
      out.push([type, m[2].trim()]);
    }
    return out.length === 0 ? null : out;
  }
  function pieces(t) {
    var _a;
    return (_a = t.match(/(?:\\.|[^,\\])+/gs)) != null ? _a : [];
  }

  var ID = {
    ip4: 1,
    fqdn: 2,
    userFqdn: 3,
    ip4Subnet: 4,
    ip6: 5,
    ip6Subnet: 6,
    dn: 9,
    keyId: 11
  };
  function parseIkeId(s) {
    var _a;
    const ip = parseIp(s);
    if (ip) return { type: ip.length === 4 ? ID.ip4 : ID.ip6, text: formatIp(ip) };
    if (s.startsWith("keyid:")) {
      const b = (_a = unhex(s.slice(6))) != null ? _a : utf8(s.slice(6));
      return b.length > 0 ? { type: ID.keyId, text: hex(b) } : null;
    }
    if (s.startsWith("@")) return s.length > 1 ? { type: ID.fqdn, text: s.slice(1) } : null;
    if (s === "") return null;
    if (s.includes("=")) {
      const text = parseName(s);
      return text === null ? null : { type: ID.dn, text };
    }
    return { type: s.includes("@") ? ID.userFqdn : ID.fqdn, text: s };
  }

  var SEPARATOR = { space: /\s+/g, comma: /[\s,]+/g, line: /\n/g };
  var YES = ["yes", "1", "on", "true"];
  var NO = ["no", "0", "off", "false"];
  function read(g, s) {
    switch (g.form) {
      case "flag":
        if (YES.includes(s)) return true;
        return NO.includes(s) ? false : void 0;
      case "choice":
        return g.words.includes(s) ? s : void 0;
      case "integer":
        return /^\d{1,15}$/.test(s) && Number(s) >= g.min && Number(s) <= g.max ? Number(s) : void 0;
      case "text":
        return s.length >= 1 && s.length <= g.max && [...s].every((c) => c >= " " && c !== "\x7F") ? s : void 0;
      case "secret":
        return s.length >= 1 && s.length <= g.max ? s : void 0;
      case "datatype":
        return DATATYPES[g.name](s);
      case "list":
        return readList(g, s);
    }
  }
  function readList(g, s) {
    const out = [];
    for (const part of split(g.separator, s)) {
      const item = read(g.item, part);
      if (item === void 0) return void 0;
      if (!g.unique || !out.includes(item)) out.push(item);
    }
    return g.most === void 0 || out.length <= g.most ? out : void 0;
  }
  function split(by, s) {
    return s.replace(SEPARATOR[by], "\n").split("\n");
  }
  var like = (pattern) => (s) => pattern.test(s) ? s : void 0;
  var DATATYPES = {
    section: like(/^[A-Za-z0-9_-]{1,64}$/),
    interface: like(/^[A-Za-z0-9_]{1,32}$/),
    ubus: like(/^(?:auto|off|\/[\x21-\x7e]{1,106})$/),
    device: like(/^\/[\x21-\x7e]{1,106}$/),
    path: like(/^\/[\x21-\x7e]{1,250}$/),
    phone: like(/^[0-9*#+,().\-W@!PTwpt]{1,60}$/),
    apn: like(/^[A-Za-z0-9.-]{1,100}$/),
    netdev: like(/^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,15}$/),
    address: (s) => {
      var _a;
      return (_a = canonicalIp(s)) != null ? _a : void 0;
    },
    address4,
    server,
    network,
    address6: (s) => {
      var _a;
      return s.includes(":") ? (_a = canonicalIp(s)) != null ? _a : void 0 : void 0;
    },
    network6: (s) => s.includes(":") && s.includes("/") ? network(s) : void 0,
    delegation,
    range4,
    pool,
    named_pool: namedPool,
    day_time: dayTime,
    keepalive,
    ike_id: (s) => {
      var _a;
      return s.length <= 255 ? (_a = parseIkeId(s)) != null ? _a : void 0 : void 0;
    },
    ike_proposal: (s) => proposal(s, parseIke2Proposal),
    esp_proposal: (s) => proposal(s, parseEspProposal)
  };
  function address4(s) {
    var _a;
    return s.includes(":") ? void 0 : (_a = canonicalIp(s)) != null ? _a : void 0;
  }
  var LABEL = /^(?!-)[A-Za-z0-9_-]{1,63}$/;
  function server(s) {
    const bracketed = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(s);
    const plain = s.split(":").length === 2 ? /^([^:]+):(\d{1,5})$/ : /^([^[\]]+)$/;
    const m = bracketed != null ? bracketed : plain.exec(s);
    if (!m) return void 0;
    const port = m[2] === void 0 ? 1701 : Number(m[2]);
    const host = m[1];
    if (port < 1 || port > 65535) return void 0;
    const ip = canonicalIp(host);
    if (ip !== null) return { host: ip, port };
    if (/^[\d.]+$/.test(host) || host.includes(":") || host.length > 253) return void 0;
    const labels = host.replace(/\.$/, "").split(".");
    return labels.every((l) => LABEL.test(l) && !l.endsWith("-")) ? { host, port } : void 0;
  }
  function network(s) {
    const p = parsePrefix(s);
    const written = canonicalIp(s.replace(/\/\d+$/, ""));
    return p && p.address === written ? "".concat(p.address, "/").concat(p.length) : void 0;
  }
  var DELEGATION_BITS = 32;
  function delegation(s) {
    var _a;
    const [, from = "", to] = (_a = /^(.+:.*\/\d{1,3})-(\d{1,2})$/.exec(s)) != null ? _a : [];
    const whole = network(from);
    const bits = Number(to) - Number(whole == null ? void 0 : whole.split("/")[1]);
    return whole !== void 0 && bits >= 0 && bits <= DELEGATION_BITS && Number(to) <= 64 ? { network: whole, length: Number(to) } : void 0;
  }
  function range4(s) {
    const [a = "", b = a, ...more] = s.split("-");
    const first = address4(a);
    const last = address4(b);
    if (more.length > 0 || first === void 0 || last === void 0) return void 0;
    return ip4ToNumber(last) >= ip4ToNumber(first) ? { first, last } : void 0;
  }
  var POOL_MOST = 65536;
  function pool(s) {
    const ranges = split("space", s).map(range4);
    const good = ranges.filter((r) => r !== void 0);
    const size = good.reduce((n, r) => n + ip4ToNumber(r.last) - ip4ToNumber(r.first) + 1, 0);
    return good.length === ranges.length && size <= POOL_MOST ? good : void 0;
  }
  function namedPool(s) {
    var _a, _b;
    const [, name = "", text = ""] = (_a = /^([^=\s]{1,64})=(.+)$/.exec(s)) != null ? _a : [];
    const range = (_b = pool(text)) == null ? void 0 : _b[0];
    return range && { name, range };
  }
  function dayTime(s) {
    const m = /^(\d\d):([0-5]\d)-(\d\d):([0-5]\d)$/.exec(s);
    if (!m) return void 0;
    const from = Number(m[1]) * 60 + Number(m[2]);
    const to = Number(m[3]) * 60 + Number(m[4]);
    return from < DAY && to <= DAY && from !== to ? { from, to } : void 0;
  }
  function keepalive(s) {
    var _a;
    if (s === "0") return null;
    const m = /^(\d{1,3})(?:[\s,]+(\d{1,4}))?$/.exec(s);
    if (!m) return void 0;
    const failures = Number(m[1]);
    const intervalSeconds = Number((_a = m[2]) != null ? _a : "5");
    const good = failures >= 1 && failures <= 100 && intervalSeconds >= 1 && intervalSeconds <= 3600;
    return good ? { failures, intervalSeconds } : void 0;
  }
  function proposal(s, parse) {
    if (s.toLowerCase() === "default") return "default";
    try {
      return parse(s);
    } catch (e) {
      if (!(e instanceof ConfigError)) throw e;
      return void 0;
    }
  }
  return __toCommonJS(grammar_exports);
})();

const SECTIONS = {
	daemon: [
		{ name: 'control', tab: 'expert', title: _('Control socket'), def: '/var/run/l2tpsec.sock',
		  grammar: {"form":"text","max":107},
		  allowed: _('1 to %d characters').format(107),
		  help: _('UNIX socket of the control API.') },
		{ name: 'log', tab: 'general', title: _('Log level'), def: 'info',
		  grammar: {"form":"choice","words":["error","warn","notice","info","debug"]},
		  allowed: 'error, warn, notice, info, debug',
		  help: _('Log events of this level and above.') },
		{ name: 'ubus', tab: 'expert', title: _('ubus'), def: 'auto',
		  grammar: {"form":"datatype","name":"ubus"},
		  allowed: _('auto | off | a path such as /var/run/ubus/ubus.sock'),
		  help: _('OpenWrt\'s bus, for the object l2tpsec and for netifd. auto: /var/run/ubus/ubus.sock; with --config FILE, only if the socket exists at the start.') },
		{ name: 'metrics', tab: 'advanced', title: _('Port for Prometheus'), def: '0',
		  grammar: {"form":"integer","min":0,"max":65535},
		  allowed: _('a whole number from %d to %d').format(0, 65535),
		  help: _('TCP port of 127.0.0.1 where every program of this machine may read counters by HTTP (GET /metrics), without names of users; 0: none. Read at the start.') },
		{ name: 'session_log', tab: 'advanced', title: _('Session log'),
		  grammar: {"form":"datatype","name":"path"},
		  allowed: _('a path such as /tmp/l2tpsec-sessions.log'),
		  help: _('File that gets a line for each session of a server that begins or ends: when, who, from where, address, bytes, why. On a router /tmp is memory, and flash wears out.') },
		{ name: 'session_log_size', tab: 'advanced', title: _('Size of the session log'), def: '256',
		  grammar: {"form":"integer","min":4,"max":1048576,"unit":"KiB"},
		  allowed: _('a whole number from %d to %d %s').format(4, 1048576, _('KiB')),
		  help: _('A file that would be larger is renamed to .1, and that one to .2, which replaces the oldest.') },
	],
	interface: [
		{ name: 'server', tab: 'general', title: _('Server'), required: true,
		  grammar: {"form":"list","item":{"form":"datatype","name":"server"},"separator":"space","most":8},
		  allowed: _('a host name or address, optionally :port (IPv6 with a port in brackets); up to 8, space separated'),
		  help: _('Host name or address of the server; add :port if L2TP does not listen on 1701. Of several, and of several addresses of one name, one after the other is tried.') },
		{ name: 'server_order', tab: 'advanced', title: _('Order of servers'), def: 'order', labels: { 'order': _('As they are listed'), 'random': _('At random') },
		  grammar: {"form":"choice","words":["order","random"]},
		  allowed: 'order, random',
		  help: _('order: the first server that answers, beginning with the first. random: spreads clients over all servers.') },
		{ name: 'tunlink', tab: 'advanced', title: _('Interface to the server'), offer: 'interface',
		  grammar: {"form":"datatype","name":"interface"},
		  allowed: _('the name of an interface: letters, digits and _'),
		  help: _('OpenWrt only: the interface, such as wan or wwan, that the tunnel runs over. The link is up only while that is. Default: whichever leads to the server.') },
		{ name: 'username', tab: 'general', title: _('User name'),
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('PPP user name.') },
		{ name: 'password', tab: 'general', title: _('Password'),
		  grammar: {"form":"secret","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('PPP password.') },
		{ name: 'new_password', tab: 'advanced', title: _('New password'),
		  grammar: {"form":"secret","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('The password that takes the place of password when the server says that it has expired (MS-CHAPv2, MS-CHAP). Then put it into password, and remove this.') },
		{ name: 'psk', tab: 'general', title: _('Pre-shared key'),
		  grammar: {"form":"secret","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('Pre-shared key. Turns IPsec on.') },
		{ name: 'cert', tab: 'security', title: _('IPsec certificate'), offer: 'upload',
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('File with this side\'s certificate (PEM), followed by any intermediate certificates. Turns IPsec on, with certificates in place of a pre-shared key; a server may have both.') },
		{ name: 'key', tab: 'security', title: _('IPsec private key'), offer: 'upload',
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('File with the private key (PEM) of cert, without a passphrase.') },
		{ name: 'ca', tab: 'security', title: _('IPsec CA'), offer: 'upload',
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('File with the certificates (PEM) of the CAs that peers\' certificates must come from.') },
		{ name: 'crl', tab: 'security', title: _('IPsec CRL'), offer: 'upload',
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('File with the CRLs (PEM) of these CAs. The CA of a peer must have a valid one. A server reads it again at a reload.') },
		{ name: 'ipsec', tab: 'security', title: _('IPsec'), against: { value: 'off', other: 'psk', why: _('IPsec is off, but there is a pre-shared key: remove it, or leave IPsec on') },
		  grammar: {"form":"choice","words":["required","off"]},
		  allowed: 'required, off',
		  help: _('required: L2TP packets are sent and accepted inside ESP only; the default with a psk or a cert. off: L2TP in the clear, for a provider whose own network carries it, and for troubleshooting.') },
		{ name: 'encap', tab: 'advanced', title: _('Encapsulation'), def: 'auto',
		  grammar: {"form":"choice","words":["auto","udp","esp"]},
		  allowed: 'auto, udp, esp',
		  help: _('auto: raw ESP, or UDP 4500 behind a NAT. udp: always UDP 4500. esp: always raw ESP; a NAT is an error.') },
		{ name: 'ike_mode', tab: 'expert', title: _('IKE mode'), def: 'main',
		  grammar: {"form":"choice","words":["main","aggressive"]},
		  allowed: 'main, aggressive',
		  help: _('aggressive: IKEv1\'s aggressive mode with a pre-shared key, for a server that asks for it, with its group name as local_id = keyid:NAME; a server answers it as well. It shows both identities to everybody on the path, and a hash of the key that can be guessed offline: use a long random key.') },
		{ name: 'ike_proposals', tab: 'security', title: _('IKE proposals'),
		  grammar: {"form":"list","item":{"form":"datatype","name":"ike_proposal"},"separator":"comma"},
		  allowed: _('CIPHER-HASH-GROUP such as aes256-sha256-modp2048, space separated; ciphers aes128 aes192 aes256 camellia128 camellia192 camellia256 3des, and for IKEv2 aes128gcm16 aes192gcm16 aes256gcm16 chacha20poly1305; hashes md5 sha1 sha256 sha384 sha512; groups modp1024 modp1536 modp2048 modp3072 modp4096 modp6144 modp8192 modp2048s256 ecp256 ecp384 ecp521 x25519 x448; for IKEv2 with -mlkem768, -mlkem1024 or -mlkem512 behind it; default: the default list'),
		  help: _('Phase 1 proposals, in order of preference. Default: strong ones that current peers support, without 3DES and MODP1024; use default 3des-sha1-modp1024 to accept an old peer as well. IKEv2 has AES-GCM and ChaCha20-Poly1305 before the default ones, with ML-KEM against quantum computers where both sides have it; aes256gcm16-sha256-x25519-mlkem768 insists on it.') },
		{ name: 'esp_proposals', tab: 'security', title: _('ESP proposals'),
		  grammar: {"form":"list","item":{"form":"datatype","name":"esp_proposal"},"separator":"comma"},
		  allowed: _('CIPHER-HASH or aes128gcm16 aes192gcm16 aes256gcm16 aes128gcm12 aes256gcm12 aes128gcm8 aes256gcm8 chacha20poly1305, each with -GROUP behind it for perfect forward secrecy, and for IKEv2 -GROUP-mlkem768 and the like, space separated; ciphers aes128 aes192 aes256 camellia128 camellia192 camellia256 3des null; default: the default list'),
		  help: _('ESP proposals, in order of preference. Default: AES-GCM, then AES-CBC; on a CPU without AES instructions ChaCha20-Poly1305 first. Use default 3des-sha1 to accept an old peer as well.') },
		{ name: 'ppk', tab: 'expert', title: _('Post-quantum key'),
		  grammar: {"form":"secret","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('A second key, long and random, mixed into all others (RFC 8784): what is recorded today stays closed to quantum computers. Both sides need it; only IKEv2 has it, and a section with it speaks no IKEv1.') },
		{ name: 'ppk_id', tab: 'expert', title: _('Name of the post-quantum key'), def: 'l2tpsec',
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('The name that both sides know the ppk by.') },
		{ name: 'local_id', tab: 'security', title: _('Local identity'),
		  grammar: {"form":"datatype","name":"ike_id"},
		  allowed: _('an address, a host name, user@name, a distinguished name, keyid:HEX or keyid:NAME'),
		  help: _('Our IKE identity: an address, a host name, user@name or a distinguished name. Default: our address. With cert: a name in our certificate, by default its subject.') },
		{ name: 'remote_id', tab: 'security', title: _('Remote identity'),
		  grammar: {"form":"datatype","name":"ike_id"},
		  allowed: _('an address, a host name, user@name, a distinguished name, keyid:HEX or keyid:NAME'),
		  help: _('The IKE identity that the peer must present. Default: any identity; the key authenticates the peer. With cert: a name that the peer\'s certificate must contain; a client\'s default is server, a server\'s any name.') },
		{ name: 'ike_lifetime', tab: 'expert', title: _('IKE lifetime'), def: '28800',
		  grammar: {"form":"integer","min":60,"max":604800,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(60, 604800, _('seconds')),
		  help: _('Lifetime of the ISAKMP SA. It is renewed before it expires.') },
		{ name: 'esp_lifetime', tab: 'expert', title: _('ESP lifetime'), def: '3600',
		  grammar: {"form":"integer","min":30,"max":86400,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(30, 86400, _('seconds')),
		  help: _('Lifetime of the ESP SAs. They are renewed before they expire.') },
		{ name: 'esp_lifetime_mbytes', tab: 'expert', title: _('ESP lifetime in MiB'), def: '0',
		  grammar: {"form":"integer","min":0,"max":1048576,"unit":"MiB"},
		  allowed: _('a whole number from %d to %d %s').format(0, 1048576, _('MiB')),
		  help: _('Also renew the ESP SAs after this much data; 0: only when the cipher requires it (3DES).') },
		{ name: 'dpd', tab: 'advanced', title: _('Dead peer detection'), def: '30',
		  grammar: {"form":"integer","min":0,"max":3600,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(0, 3600, _('seconds')),
		  help: _('Probe the IKE peer after this period of silence; 0: off.') },
		{ name: 'ike', tab: 'security', title: _('IKE version'), def: 'auto',
		  grammar: {"form":"choice","words":["auto","v1","v2"]},
		  allowed: 'auto, v1, v2',
		  help: _('Which version of IKE. auto: IKEv2 first, and IKEv1 when the server does not answer within a second or has no IKEv2 for us; what it spoke is remembered for a day. v1, v2: only that one.') },
		{ name: 'ike_v2_pinned', tab: 'expert', title: _('Pin IKEv2'), def: 'no', depends: {"ike":"auto"},
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Never use IKEv1 with a server that has spoken IKEv2 since the daemon started.') },
		{ name: 'tunnel_secret', tab: 'security', title: _('Tunnel secret'),
		  grammar: {"form":"secret","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('Shared secret for L2TP tunnel authentication.') },
		{ name: 'hide_avps', tab: 'expert', title: _('Hide AVPs'), def: 'no',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Hide AVP values with tunnel_secret (RFC 2661 4.3). IPsec already encrypts them.') },
		{ name: 'hostname', tab: 'advanced', title: _('Host name'),
		  grammar: {"form":"text","max":64},
		  allowed: _('1 to %d characters').format(64),
		  help: _('Host Name sent to the L2TP peer. Default: the name of this machine.') },
		{ name: 'hello', tab: 'advanced', title: _('Hello interval'), def: '60',
		  grammar: {"form":"integer","min":0,"max":3600,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(0, 3600, _('seconds')),
		  help: _('Send an L2TP Hello after this period of silence; 0: off.') },
		{ name: 'sequencing', tab: 'expert', title: _('Sequence numbers'), def: 'no',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Use sequence numbers on data packets. Packets that arrive out of order are reordered.') },
		{ name: 'keepalive', tab: 'advanced', title: _('Keepalive'), def: '5 10',
		  grammar: {"form":"datatype","name":"keepalive"},
		  allowed: _('FAILURES SECONDS, such as 5 10, or 0 for none'),
		  help: _('LCP echo: the number of unanswered requests that end the link, and the interval between requests in seconds. Received data postpones the next request.') },
		{ name: 'mtu', tab: 'advanced', title: _('MTU'),
		  grammar: {"form":"integer","min":576,"max":1500,"unit":"bytes"},
		  allowed: _('a whole number from %d to %d %s').format(576, 1500, _('bytes')),
		  help: _('MTU of the netdev. Default: the largest that fits the path whole, inside IPsec at most 1400.') },
		{ name: 'mrru', tab: 'advanced', title: _('Multilink (MRRU)'),
		  grammar: {"form":"integer","min":1500,"max":1800,"unit":"bytes"},
		  allowed: _('a whole number from %d to %d %s').format(1500, 1800, _('bytes')),
		  help: _('Multilink (RFC 1990): with a peer that has it too, packets up to this length pass in fragments that fit the path, and the netdev\'s MTU is 1500. mtu is what passes whole then. Default: none, with bridge 1600.') },
		{ name: 'vj', tab: 'expert', title: _('Header compression'), def: 'no',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Van Jacobson header compression (RFC 1144), if the peer supports it. Turn sequencing on too, so that lost packets are noticed.') },
		{ name: 'deflate', tab: 'expert', title: _('Deflate'), def: 'no',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Compress packets with Deflate (RFC 1979), if the peer supports it and zlib is installed. For slow lines: any compression makes every packet pass through the control process, which slows a fast link down.') },
		{ name: 'bsdcomp', tab: 'expert', title: _('BSD-Compress'), def: 'no',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Compress packets with BSD-Compress (RFC 1977) if Deflate is not available.') },
		{ name: 'mppc', tab: 'expert', title: _('MPPC'), def: 'no',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Compress packets with MPPC (RFC 2118), for a peer that supports nothing else; alone or with MPPE.') },
		{ name: 'mppe', tab: 'expert', title: _('MPPE encryption'), def: 'no',
		  grammar: {"form":"choice","words":["no","128","56","40"]},
		  allowed: 'no, 128, 56, 40',
		  help: _('Require MPPE (RFC 3078, keys from MS-CHAP), for a peer that insists on it. The value is the minimum key length; 128 bits are used if the peer supports them. The session fails without MPPE. RC4 is weak: rely on IPsec for protection.') },
		{ name: 'mtu_probe', tab: 'expert', title: _('Find the MTU by probing'), def: 'yes',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Make sure that packets of the MTU\'s size come through (LCP echo, RFC 8899), at the start and every ten minutes. Where they are lost on the way, the MTU becomes the largest size that comes through.') },
		{ name: 'dataplane', tab: 'expert', title: _('Data plane'), def: 'auto',
		  grammar: {"form":"choice","words":["auto","kernel","userspace"]},
		  allowed: 'auto, kernel, userspace',
		  help: _('Where packets move. kernel: in the kernel, which needs its L2TP, PPP and IPsec modules (kmod-pppol2tp, kmod-ipsec4; kmod-crypto-gcm for AES-GCM); refused where it cannot. userspace: in this process, on every kernel. auto: the kernel where it can carry what the section asks for, else userspace; status says why. Compression, MPPE, Multilink and bridges are userspace\'s. While the kernel carries packets with IPsec, other programs have no L2TP on UDP port 1701.') },
		{ name: 'auto', tab: 'advanced', title: _('Start automatically'), def: 'yes',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Bring the link up when the daemon starts.') },
		{ name: 'fallback_for', tab: 'advanced', title: _('Backup for'), offer: 'link',
		  grammar: {"form":"datatype","name":"section"},
		  allowed: _('the name of an interface: letters, digits, _ and -'),
		  help: _('Another interface of this daemon\'s: this one waits while that one is up, and stands in for it while it is down. `up` of this one does not wait.') },
		{ name: 'fallback_after', tab: 'advanced', title: _('Backup after'), def: '30',
		  grammar: {"form":"integer","min":0,"max":86400,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(0, 86400, _('seconds')),
		  help: _('With fallback_for: how long that interface may be down, or take to come up, before this one dials.') },
		{ name: 'fallback_hold', tab: 'advanced', title: _('Backup until'), def: '60',
		  grammar: {"form":"integer","min":0,"max":86400,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(0, 86400, _('seconds')),
		  help: _('With fallback_for: how long that interface must have been up again before this one goes down.') },
		{ name: 'ifname', tab: 'advanced', title: _('Device name'), uci: 'pppname',
		  grammar: {"form":"datatype","name":"netdev"},
		  allowed: _('a device name: 1 to 15 letters, digits, - _ .'),
		  help: _('Name of the netdev. Default: l2tps-NAME.') },
		{ name: 'bridge', tab: 'advanced', title: _('Bridge'),
		  grammar: {"form":"datatype","name":"netdev"},
		  allowed: _('a device name: 1 to 15 letters, digits, - _ .'),
		  help: _('A bridge of this machine, such as br-lan: its Ethernet frames cross the link to the peer\'s bridge (BCP, RFC 3518), VLANs and all that is not IP among them. Addresses of the link stay as they are.') },
		{ name: 'defaultroute', tab: 'general', title: _('Traffic into the link'), def: 'no', labels: { '0': _('Only to the networks behind the peer'), '1': _('Everything') },
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Route all traffic into the link, with ipv6 also IPv6. The route to the server itself stays outside.') },
		{ name: 'routes', tab: 'general', title: _('Networks behind the peer'),
		  grammar: {"form":"list","item":{"form":"datatype","name":"network"},"separator":"space"},
		  allowed: _('networks such as 10.2.0.0/16 or fd00:2::/48, space separated'),
		  help: _('Networks behind the peer, which are routed into the link. 0.0.0.0/0 and ::/0 mean defaultroute = yes.') },
		{ name: 'killswitch', tab: 'general', title: _('While the link is down'), def: 'routes', labels: { 'routes': _('Block only the networks behind the peer'), 'all': _('Block everything'), 'off': _('Block nothing') }, depends: {"defaultroute":"1"},
		  grammar: {"form":"choice","words":["routes","all","off"]},
		  allowed: 'routes, all, off',
		  help: _('What is blocked, so that it does not leave in the clear, while the link should be up but is not. routes: traffic to the networks in routes. all: all traffic of default routes, IPv4 and IPv6 (IPv6 whenever the link does not carry it). off: nothing.') },
		{ name: 'metric', tab: 'advanced', title: _('Route metric'), def: '0',
		  grammar: {"form":"integer","min":0,"max":4294967295},
		  allowed: _('a whole number from %d to %d').format(0, 4294967295),
		  help: _('Metric of the link\'s routes. With metric 0, the default route is set as two halves: it takes precedence over the route of wan, which stays in place. Otherwise the route with the lower metric wins.') },
		{ name: 'peerdns', tab: 'advanced', title: _('Use the peer\'s DNS servers'), def: 'yes',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Ask the server for DNS servers. netifd uses them, and the status shows them.') },
		{ name: 'ipv6', tab: 'advanced', title: _('IPv6'), def: 'no',
		  grammar: {"form":"choice","words":["no","yes","auto"]},
		  allowed: 'no, yes, auto',
		  help: _('yes: also use IPv6, if the peer supports it (IPV6CP). auto: the same, and netifd gets an interface NAME_6 that requests addresses from the peer by DHCPv6.') },
		{ name: 'refuse_pap', tab: 'security', title: _('Refuse PAP'), def: 'yes',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Never send the password with PAP: anybody who knows the pre-shared key could read it.') },
		{ name: 'allow_pap_in_clear', tab: 'security', title: _('PAP in the clear'), def: 'no', depends: {"ipsec":"off"},
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('With ipsec = off and refuse_pap = no: allow PAP, although everybody on the path can read the password.') },
		{ name: 'refuse_chap', tab: 'security', title: _('Refuse CHAP'), def: 'no',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Do not authenticate with CHAP-MD5.') },
		{ name: 'refuse_mschapv2', tab: 'security', title: _('Refuse MS-CHAPv2'), def: 'no',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Do not authenticate with MS-CHAPv2.') },
		{ name: 'refuse_eap', tab: 'security', title: _('Refuse EAP'), def: 'yes',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Do not authenticate with EAP (EAP-MD5 and EAP-MSCHAPv2). Servers that request EAP first accept MS-CHAPv2 as well.') },
		{ name: 'eap_ca', tab: 'security', title: _('CA certificate'), offer: 'upload',
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('EAP-TLS: file with the certificate (PEM) of the CA that issues the server\'s certificate. With these files, EAP-TLS is the only authentication method in use, and no password is needed.') },
		{ name: 'eap_cert', tab: 'security', title: _('Certificate'), offer: 'upload',
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('EAP-TLS: file with our certificate (PEM), followed by any intermediate certificates.') },
		{ name: 'eap_key', tab: 'security', title: _('Private key'), offer: 'upload',
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('EAP-TLS: file with the private key (PEM) of our certificate, without a passphrase.') },
		{ name: 'eap_server_name', tab: 'security', title: _('Server name'),
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('EAP-TLS: the host name or address that the server\'s certificate must contain as a subjectAltName. any: accept every server certificate of the CA.') },
		{ name: 'source_port', tab: 'expert', title: _('Source port'), def: '1701',
		  grammar: {"form":"integer","min":0,"max":65535},
		  allowed: _('a whole number from %d to %d').format(0, 65535),
		  help: _('Local UDP port for L2TP; 0: an ephemeral port.') },
		{ name: 'call', tab: 'expert', title: _('Call direction'), def: 'incoming',
		  grammar: {"form":"choice","words":["incoming","outgoing"]},
		  allowed: 'incoming, outgoing',
		  help: _('incoming: announce a call to the peer (ICRQ), as L2TP clients normally do. outgoing: ask the peer to place a call (OCRQ).') },
		{ name: 'reconnect_min', tab: 'advanced', title: _('Shortest pause'), def: '2',
		  grammar: {"form":"integer","min":1,"max":3600,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(1, 3600, _('seconds')),
		  help: _('Pause before the first new attempt. Later pauses are longer.') },
		{ name: 'reconnect_max', tab: 'advanced', title: _('Longest pause'), def: '120',
		  grammar: {"form":"integer","min":1,"max":86400,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(1, 86400, _('seconds')),
		  help: _('Longest pause between attempts; after a wrong password at least 300 seconds. Attempts never end.') },
		{ name: 'links', tab: 'expert', title: _('Links'), def: '1',
		  grammar: {"form":"integer","min":1,"max":8},
		  allowed: _('a whole number from %d to %d').format(1, 8),
		  help: _('With mrru: calls in the tunnel that are one connection (Multilink bundle), where the server joins them.') },
	],
	nasdial: [
		{ name: 'device', tab: 'general', title: _('Serial device'), required: true, offer: 'serial',
		  grammar: {"form":"datatype","name":"device"},
		  allowed: _('a path such as /dev/ttyUSB0'),
		  help: _('The serial device of the modem, or of a null-modem cable.') },
		{ name: 'baud', tab: 'advanced', title: _('Line speed'), def: '115200',
		  grammar: {"form":"integer","min":300,"max":4000000,"unit":"bits per second"},
		  allowed: _('a whole number from %d to %d %s').format(300, 4000000, _('bits per second')),
		  help: _('Speed of the serial line.') },
		{ name: 'flow', tab: 'advanced', title: _('Flow control'), def: 'rtscts',
		  grammar: {"form":"choice","words":["rtscts","xonxoff","none"]},
		  allowed: 'rtscts, xonxoff, none',
		  help: _('Flow control of the serial line.') },
		{ name: 'line', tab: 'general', title: _('Line'), def: 'modem',
		  grammar: {"form":"choice","words":["modem","direct"]},
		  allowed: 'modem, direct',
		  help: _('modem: a modem with AT commands. direct: a null-modem cable, without dialling.') },
		{ name: 'role', tab: 'general', title: _('Role'), def: 'dial',
		  grammar: {"form":"choice","words":["dial","answer"]},
		  allowed: 'dial, answer',
		  help: _('dial: call a NAS. answer: be the NAS, for callers listed in the user sections.') },
		{ name: 'phone', tab: 'general', title: _('Telephone numbers'), depends: {"role":"dial","line":"modem"},
		  grammar: {"form":"list","item":{"form":"datatype","name":"phone"},"separator":"space"},
		  allowed: _('numbers of 1 to 60 digits and * # + , ( ) - . W @ ! P T, space separated'),
		  help: _('Telephone numbers of the NAS, tried in turn. A comma is a pause. Mobile networks use *99#.') },
		{ name: 'init', tab: 'advanced', title: _('Init strings'), def: 'ATZ', private: true,
		  grammar: {"form":"list","item":{"form":"text","max":120},"separator":"line"},
		  allowed: _('1 to 120 characters; several: the option once for each'),
		  help: _('Init strings, sent before dialling; the modem must answer each with OK. Repeat the option for several strings.') },
		{ name: 'dial_command', tab: 'advanced', title: _('Dial command'), def: 'ATDT', depends: {"role":"dial","line":"modem"},
		  grammar: {"form":"text","max":40},
		  allowed: _('1 to %d characters').format(40),
		  help: _('Command before the number: ATDT for tone dialling, ATDP for pulse dialling.') },
		{ name: 'apn', tab: 'general', title: _('Access point (APN)'), depends: {"role":"dial","line":"modem"},
		  grammar: {"form":"datatype","name":"apn"},
		  allowed: _('1 to 100 letters, digits, - and .'),
		  help: _('Access point of a mobile network (AT+CGDCONT).') },
		{ name: 'pin', tab: 'general', title: _('PIN'),
		  grammar: {"form":"secret","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('PIN of the SIM card. It is sent once; a rejected PIN is not retried automatically.') },
		{ name: 'username', tab: 'general', title: _('User name'), depends: {"role":"dial"},
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('User name, for a login prompt and for PPP.') },
		{ name: 'password', tab: 'general', title: _('Password'), depends: {"role":"dial"},
		  grammar: {"form":"secret","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('Password.') },
		{ name: 'new_password', tab: 'advanced', title: _('New password'), depends: {"role":"dial"},
		  grammar: {"form":"secret","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('The password that takes the place of password when the server says that it has expired (MS-CHAPv2, MS-CHAP). Then put it into password, and remove this.') },
		{ name: 'login', tab: 'advanced', title: _('Login prompt'), def: 'auto',
		  grammar: {"form":"choice","words":["auto","none","windows"]},
		  allowed: 'auto, none, windows',
		  help: _('What happens between CONNECT and PPP. auto: answer a login prompt, if there is one. none: start PPP at once. windows: send CLIENT and wait for CLIENTSERVER, with line = direct.') },
		{ name: 'chat', tab: 'expert', title: _('Chat script'), private: true,
		  grammar: {"form":"text","max":4096},
		  allowed: _('1 to %d characters').format(4096),
		  help: _('A chat(8) script instead of login: expect and send strings in turn, with chat\'s escapes; ${username} and ${password} stand for the options.') },
		{ name: 'carrier_check', tab: 'advanced', title: _('Check the carrier'), def: 'yes',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Require the carrier signal after CONNECT, if the device reports it.') },
		{ name: 'command_timeout', tab: 'advanced', title: _('Command timeout'), def: '5',
		  grammar: {"form":"integer","min":1,"max":60,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(1, 60, _('seconds')),
		  help: _('How long to wait for the answer to an AT command.') },
		{ name: 'connect_timeout', tab: 'advanced', title: _('Connect timeout'), def: '60', depends: {"role":"dial","line":"modem"},
		  grammar: {"form":"integer","min":5,"max":300,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(5, 300, _('seconds')),
		  help: _('How long to wait for CONNECT after dialling.') },
		{ name: 'rings', tab: 'advanced', title: _('Rings'), def: '1', depends: {"role":"answer"},
		  grammar: {"form":"integer","min":1,"max":20},
		  allowed: _('a whole number from %d to %d').format(1, 20),
		  help: _('role = answer: number of rings before the modem answers.') },
		{ name: 'dial_attempts', tab: 'advanced', title: _('Dialling rounds'), def: '0', depends: {"role":"dial","line":"modem"},
		  grammar: {"form":"integer","min":0,"max":1000},
		  allowed: _('a whole number from %d to %d').format(0, 1000),
		  help: _('Number of rounds through all telephone numbers before the link gives up; 0: never give up.') },
		{ name: 'redial_pause', tab: 'advanced', title: _('Redial pause'), def: '10', depends: {"role":"dial","line":"modem"},
		  grammar: {"form":"integer","min":0,"max":3600,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(0, 3600, _('seconds')),
		  help: _('Minimum time before the same number is dialled again.') },
		{ name: 'reconnect_min', tab: 'advanced', title: _('Shortest pause'), def: '5',
		  grammar: {"form":"integer","min":1,"max":3600,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(1, 3600, _('seconds')),
		  help: _('Pause after the first round. Later pauses are longer.') },
		{ name: 'reconnect_max', tab: 'advanced', title: _('Longest pause'), def: '300',
		  grammar: {"form":"integer","min":1,"max":86400,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(1, 86400, _('seconds')),
		  help: _('Longest pause after a round.') },
		{ name: 'idle_timeout', tab: 'advanced', title: _('Idle timeout'), def: '0',
		  grammar: {"form":"integer","min":0,"max":86400,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(0, 86400, _('seconds')),
		  help: _('Hang up after this long without an IP packet in either direction; 0: never. With demand, the next packet dials again; without it, the link stays down until `up`.') },
		{ name: 'demand', tab: 'advanced', title: _('Dial on demand'), def: 'no', depends: {"role":"dial"},
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Dial when there is a packet for the link. The netdev and its routes exist from the start.') },
		{ name: 'hold', tab: 'advanced', title: _('Hold'),
		  grammar: {"form":"list","item":{"form":"datatype","name":"day_time"},"separator":"space","most":16},
		  allowed: _('daily times such as 22:00-06:00, space separated'),
		  help: _('Daily periods, in local time, during which the link stays down; a call in progress is ended. They are ignored while the clock is not set.') },
		{ name: 'keepalive', tab: 'advanced', title: _('Keepalive'), def: '5 10',
		  grammar: {"form":"datatype","name":"keepalive"},
		  allowed: _('FAILURES SECONDS, such as 5 10, or 0 for none'),
		  help: _('LCP echo: the number of unanswered requests that end the link, and the interval between requests in seconds. Received data postpones the next request.') },
		{ name: 'mtu', tab: 'advanced', title: _('MTU'), def: '1500',
		  grammar: {"form":"integer","min":576,"max":1500,"unit":"bytes"},
		  allowed: _('a whole number from %d to %d %s').format(576, 1500, _('bytes')),
		  help: _('MTU of the netdev, and the MRU that PPP requests.') },
		{ name: 'auto', tab: 'advanced', title: _('Start automatically'), def: 'yes',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Bring the link up when the daemon starts.') },
		{ name: 'fallback_for', tab: 'advanced', title: _('Backup for'), offer: 'link', depends: {"role":"dial"},
		  grammar: {"form":"datatype","name":"section"},
		  allowed: _('the name of an interface: letters, digits, _ and -'),
		  help: _('Another interface of this daemon\'s: this one waits while that one is up, and stands in for it while it is down. `up` of this one does not wait.') },
		{ name: 'fallback_after', tab: 'advanced', title: _('Backup after'), def: '30', depends: {"role":"dial"},
		  grammar: {"form":"integer","min":0,"max":86400,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(0, 86400, _('seconds')),
		  help: _('With fallback_for: how long that interface may be down, or take to come up, before this one dials.') },
		{ name: 'fallback_hold', tab: 'advanced', title: _('Backup until'), def: '60', depends: {"role":"dial"},
		  grammar: {"form":"integer","min":0,"max":86400,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(0, 86400, _('seconds')),
		  help: _('With fallback_for: how long that interface must have been up again before this one goes down.') },
		{ name: 'ifname', tab: 'advanced', title: _('Device name'), uci: 'pppname',
		  grammar: {"form":"datatype","name":"netdev"},
		  allowed: _('a device name: 1 to 15 letters, digits, - _ .'),
		  help: _('Name of the netdev. Default: nas-NAME.') },
		{ name: 'defaultroute', tab: 'general', title: _('Traffic into the link'), def: 'no', labels: { '0': _('Only to the networks behind the peer'), '1': _('Everything') }, depends: {"role":"dial"},
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Route all traffic into the link, with ipv6 also IPv6.') },
		{ name: 'routes', tab: 'general', title: _('Networks behind the peer'),
		  grammar: {"form":"list","item":{"form":"datatype","name":"network"},"separator":"space"},
		  allowed: _('networks such as 10.2.0.0/16 or fd00:2::/48, space separated'),
		  help: _('Networks behind the peer, which are routed into the link. 0.0.0.0/0 and ::/0 mean defaultroute = yes.') },
		{ name: 'metric', tab: 'advanced', title: _('Route metric'), def: '0',
		  grammar: {"form":"integer","min":0,"max":4294967295},
		  allowed: _('a whole number from %d to %d').format(0, 4294967295),
		  help: _('Metric of the link\'s routes. With metric 0, the default route is set as two halves: it takes precedence over the route of wan, which stays in place. Otherwise the route with the lower metric wins.') },
		{ name: 'peerdns', tab: 'advanced', title: _('Use the peer\'s DNS servers'), def: 'yes',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Ask the server for DNS servers. netifd uses them, and the status shows them.') },
		{ name: 'refuse_pap', tab: 'security', title: _('Refuse PAP'), def: 'no',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Never send the password with PAP.') },
		{ name: 'allow_pap_in_clear', tab: 'security', title: _('PAP in the clear'), def: 'no',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Allow PAP, which sends the password over the line unencrypted; with role = answer, callers may be asked to use it.') },
		{ name: 'refuse_chap', tab: 'security', title: _('Refuse CHAP'), def: 'no',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Do not authenticate with CHAP-MD5.') },
		{ name: 'refuse_mschapv2', tab: 'security', title: _('Refuse MS-CHAPv2'), def: 'no',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Do not authenticate with MS-CHAPv2.') },
		{ name: 'refuse_eap', tab: 'security', title: _('Refuse EAP'), def: 'no',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Do not authenticate with EAP (EAP-MD5 and EAP-MSCHAPv2).') },
		{ name: 'eap_ca', tab: 'security', title: _('CA certificate'), offer: 'upload',
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('EAP-TLS: file with the certificate (PEM) of the CA that issues the server\'s certificate. With these files, EAP-TLS is the only authentication method in use, and no password is needed.') },
		{ name: 'eap_cert', tab: 'security', title: _('Certificate'), offer: 'upload',
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('EAP-TLS: file with our certificate (PEM), followed by any intermediate certificates.') },
		{ name: 'eap_key', tab: 'security', title: _('Private key'), offer: 'upload',
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('EAP-TLS: file with the private key (PEM) of our certificate, without a passphrase.') },
		{ name: 'eap_server_name', tab: 'security', title: _('Server name'),
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('EAP-TLS: the host name or address that the server\'s certificate must contain as a subjectAltName. any: accept every server certificate of the CA.') },
		{ name: 'ipv6', tab: 'advanced', title: _('IPv6'), def: 'no',
		  grammar: {"form":"choice","words":["no","yes","auto"]},
		  allowed: 'no, yes, auto',
		  help: _('yes: also use IPv6, if the peer supports it (IPV6CP). auto: the same, and netifd gets an interface NAME_6 that requests addresses from the peer by DHCPv6.') },
		{ name: 'vj', tab: 'expert', title: _('Header compression'), def: 'yes',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Van Jacobson header compression (RFC 1144), if the peer supports it.') },
		{ name: 'deflate', tab: 'expert', title: _('Deflate'), def: 'yes',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Compress packets with Deflate (RFC 1979), if the peer supports it and zlib is installed.') },
		{ name: 'bsdcomp', tab: 'expert', title: _('BSD-Compress'), def: 'yes',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Compress packets with BSD-Compress (RFC 1977) if Deflate is not available.') },
		{ name: 'mppc', tab: 'expert', title: _('MPPC'), def: 'no',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Compress packets with MPPC (RFC 2118), for a peer that supports nothing else; alone or with MPPE.') },
		{ name: 'mrru', tab: 'expert', title: _('Multilink (MRRU)'),
		  grammar: {"form":"integer","min":1500,"max":1800,"unit":"bytes"},
		  allowed: _('a whole number from %d to %d %s').format(1500, 1800, _('bytes')),
		  help: _('Multilink (RFC 1990) over this one line: with a peer that has it too, packets up to this length pass.') },
		{ name: 'mppe', tab: 'expert', title: _('MPPE encryption'), def: 'no',
		  grammar: {"form":"choice","words":["no","128","56","40"]},
		  allowed: 'no, 128, 56, 40',
		  help: _('Require MPPE (RFC 3078, keys from MS-CHAP), for a peer that insists on it. The value is the minimum key length; 128 bits are used if the peer supports them. The call fails without MPPE. RC4 is weak, and a tunnel with IPsec does not need it.') },
		{ name: 'auth', tab: 'security', title: _('Authentication'), def: 'mschapv2 chap', depends: {"role":"answer"},
		  grammar: {"form":"list","item":{"form":"choice","words":["mschapv2","chap","mschap","eap","pap"]},"separator":"space","unique":true},
		  allowed: _('one or more of mschapv2 chap mschap eap pap, space separated'),
		  help: _('role = answer: PPP authentication methods that are offered, in order of preference. EAP uses MS-CHAPv2 if mschapv2 is listed, and MD5 if chap is; eap without either of them uses MS-CHAPv2.') },
		{ name: 'local_ip', tab: 'general', title: _('Local IP address'), depends: {"role":"answer"},
		  grammar: {"form":"datatype","name":"address4"},
		  allowed: _('an IPv4 address'),
		  help: _('role = answer: our address on the line.') },
		{ name: 'remote_ip', tab: 'general', title: _('Address of the caller'), depends: {"role":"answer"},
		  grammar: {"form":"datatype","name":"address4"},
		  allowed: _('an IPv4 address'),
		  help: _('role = answer: the caller\'s address, unless its user section has one.') },
		{ name: 'dns', tab: 'general', title: _('DNS servers of the caller'), uci: 'ms_dns', depends: {"role":"answer"},
		  grammar: {"form":"list","item":{"form":"datatype","name":"address4"},"separator":"space"},
		  allowed: _('IPv4 addresses, space separated'),
		  help: _('role = answer: DNS servers for the caller.') },
	],
	server: [
		{ name: 'listen', tab: 'advanced', title: _('Listen address'),
		  grammar: {"form":"datatype","name":"address"},
		  allowed: _('an IPv4 or IPv6 address'),
		  help: _('Local address to listen on. Default: every address.') },
		{ name: 'psk', tab: 'general', title: _('Pre-shared key'),
		  grammar: {"form":"secret","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('Pre-shared key. Turns IPsec on.') },
		{ name: 'cert', tab: 'security', title: _('IPsec certificate'), offer: 'upload',
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('File with this side\'s certificate (PEM), followed by any intermediate certificates. Turns IPsec on, with certificates in place of a pre-shared key; a server may have both.') },
		{ name: 'key', tab: 'security', title: _('IPsec private key'), offer: 'upload',
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('File with the private key (PEM) of cert, without a passphrase.') },
		{ name: 'ca', tab: 'security', title: _('IPsec CA'), offer: 'upload',
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('File with the certificates (PEM) of the CAs that peers\' certificates must come from.') },
		{ name: 'crl', tab: 'security', title: _('IPsec CRL'), offer: 'upload',
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('File with the CRLs (PEM) of these CAs. The CA of a peer must have a valid one. A server reads it again at a reload.') },
		{ name: 'ipsec', tab: 'security', title: _('IPsec'), against: { value: 'off', other: 'psk', why: _('IPsec is off, but there is a pre-shared key: remove it, or leave IPsec on') },
		  grammar: {"form":"choice","words":["required","off"]},
		  allowed: 'required, off',
		  help: _('required: L2TP packets are sent and accepted inside ESP only; the default with a psk or a cert. off: L2TP in the clear, for a provider whose own network carries it, and for troubleshooting.') },
		{ name: 'encap', tab: 'advanced', title: _('Encapsulation'), def: 'auto',
		  grammar: {"form":"choice","words":["auto","udp","esp"]},
		  allowed: 'auto, udp, esp',
		  help: _('auto: raw ESP, or UDP 4500 behind a NAT. udp: always UDP 4500. esp: always raw ESP; a NAT is an error.') },
		{ name: 'ike_mode', tab: 'expert', title: _('IKE mode'), def: 'main',
		  grammar: {"form":"choice","words":["main","aggressive"]},
		  allowed: 'main, aggressive',
		  help: _('aggressive: IKEv1\'s aggressive mode with a pre-shared key, for a server that asks for it, with its group name as local_id = keyid:NAME; a server answers it as well. It shows both identities to everybody on the path, and a hash of the key that can be guessed offline: use a long random key.') },
		{ name: 'ike_proposals', tab: 'security', title: _('IKE proposals'),
		  grammar: {"form":"list","item":{"form":"datatype","name":"ike_proposal"},"separator":"comma"},
		  allowed: _('CIPHER-HASH-GROUP such as aes256-sha256-modp2048, space separated; ciphers aes128 aes192 aes256 camellia128 camellia192 camellia256 3des, and for IKEv2 aes128gcm16 aes192gcm16 aes256gcm16 chacha20poly1305; hashes md5 sha1 sha256 sha384 sha512; groups modp1024 modp1536 modp2048 modp3072 modp4096 modp6144 modp8192 modp2048s256 ecp256 ecp384 ecp521 x25519 x448; for IKEv2 with -mlkem768, -mlkem1024 or -mlkem512 behind it; default: the default list'),
		  help: _('Phase 1 proposals, in order of preference. Default: strong ones that current peers support, without 3DES and MODP1024; use default 3des-sha1-modp1024 to accept an old peer as well. IKEv2 has AES-GCM and ChaCha20-Poly1305 before the default ones, with ML-KEM against quantum computers where both sides have it; aes256gcm16-sha256-x25519-mlkem768 insists on it.') },
		{ name: 'esp_proposals', tab: 'security', title: _('ESP proposals'),
		  grammar: {"form":"list","item":{"form":"datatype","name":"esp_proposal"},"separator":"comma"},
		  allowed: _('CIPHER-HASH or aes128gcm16 aes192gcm16 aes256gcm16 aes128gcm12 aes256gcm12 aes128gcm8 aes256gcm8 chacha20poly1305, each with -GROUP behind it for perfect forward secrecy, and for IKEv2 -GROUP-mlkem768 and the like, space separated; ciphers aes128 aes192 aes256 camellia128 camellia192 camellia256 3des null; default: the default list'),
		  help: _('ESP proposals, in order of preference. Default: AES-GCM, then AES-CBC; on a CPU without AES instructions ChaCha20-Poly1305 first. Use default 3des-sha1 to accept an old peer as well.') },
		{ name: 'ppk', tab: 'expert', title: _('Post-quantum key'),
		  grammar: {"form":"secret","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('A second key, long and random, mixed into all others (RFC 8784): what is recorded today stays closed to quantum computers. Both sides need it; only IKEv2 has it, and a section with it speaks no IKEv1.') },
		{ name: 'ppk_id', tab: 'expert', title: _('Name of the post-quantum key'), def: 'l2tpsec',
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('The name that both sides know the ppk by.') },
		{ name: 'local_id', tab: 'security', title: _('Local identity'),
		  grammar: {"form":"datatype","name":"ike_id"},
		  allowed: _('an address, a host name, user@name, a distinguished name, keyid:HEX or keyid:NAME'),
		  help: _('Our IKE identity: an address, a host name, user@name or a distinguished name. Default: our address. With cert: a name in our certificate, by default its subject.') },
		{ name: 'remote_id', tab: 'security', title: _('Remote identity'),
		  grammar: {"form":"datatype","name":"ike_id"},
		  allowed: _('an address, a host name, user@name, a distinguished name, keyid:HEX or keyid:NAME'),
		  help: _('The IKE identity that the peer must present. Default: any identity; the key authenticates the peer. With cert: a name that the peer\'s certificate must contain; a client\'s default is server, a server\'s any name.') },
		{ name: 'ike_lifetime', tab: 'expert', title: _('IKE lifetime'), def: '28800',
		  grammar: {"form":"integer","min":60,"max":604800,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(60, 604800, _('seconds')),
		  help: _('Lifetime of the ISAKMP SA. It is renewed before it expires.') },
		{ name: 'esp_lifetime', tab: 'expert', title: _('ESP lifetime'), def: '3600',
		  grammar: {"form":"integer","min":30,"max":86400,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(30, 86400, _('seconds')),
		  help: _('Lifetime of the ESP SAs. They are renewed before they expire.') },
		{ name: 'esp_lifetime_mbytes', tab: 'expert', title: _('ESP lifetime in MiB'), def: '0',
		  grammar: {"form":"integer","min":0,"max":1048576,"unit":"MiB"},
		  allowed: _('a whole number from %d to %d %s').format(0, 1048576, _('MiB')),
		  help: _('Also renew the ESP SAs after this much data; 0: only when the cipher requires it (3DES).') },
		{ name: 'dpd', tab: 'advanced', title: _('Dead peer detection'), def: '30',
		  grammar: {"form":"integer","min":0,"max":3600,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(0, 3600, _('seconds')),
		  help: _('Probe the IKE peer after this period of silence; 0: off.') },
		{ name: 'ike', tab: 'security', title: _('IKE version'), def: 'auto',
		  grammar: {"form":"choice","words":["auto","v1","v2"]},
		  allowed: 'auto, v1, v2',
		  help: _('Which version of IKE is answered. auto: both.') },
		{ name: 'tunnel_secret', tab: 'security', title: _('Tunnel secret'),
		  grammar: {"form":"secret","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('Shared secret for L2TP tunnel authentication.') },
		{ name: 'hide_avps', tab: 'expert', title: _('Hide AVPs'), def: 'no',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Hide AVP values with tunnel_secret (RFC 2661 4.3). IPsec already encrypts them.') },
		{ name: 'hostname', tab: 'advanced', title: _('Host name'),
		  grammar: {"form":"text","max":64},
		  allowed: _('1 to %d characters').format(64),
		  help: _('Host Name sent to the L2TP peer. Default: the name of this machine.') },
		{ name: 'hello', tab: 'advanced', title: _('Hello interval'), def: '60',
		  grammar: {"form":"integer","min":0,"max":3600,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(0, 3600, _('seconds')),
		  help: _('Send an L2TP Hello after this period of silence; 0: off.') },
		{ name: 'sequencing', tab: 'expert', title: _('Sequence numbers'), def: 'no',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Use sequence numbers on data packets. Packets that arrive out of order are reordered.') },
		{ name: 'keepalive', tab: 'advanced', title: _('Keepalive'), def: '5 10',
		  grammar: {"form":"datatype","name":"keepalive"},
		  allowed: _('FAILURES SECONDS, such as 5 10, or 0 for none'),
		  help: _('LCP echo: the number of unanswered requests that end the link, and the interval between requests in seconds. Received data postpones the next request.') },
		{ name: 'mtu', tab: 'advanced', title: _('MTU'),
		  grammar: {"form":"integer","min":576,"max":1500,"unit":"bytes"},
		  allowed: _('a whole number from %d to %d %s').format(576, 1500, _('bytes')),
		  help: _('MTU of the netdev. Default: the largest that fits the path whole, inside IPsec at most 1400.') },
		{ name: 'mrru', tab: 'advanced', title: _('Multilink (MRRU)'),
		  grammar: {"form":"integer","min":1500,"max":1800,"unit":"bytes"},
		  allowed: _('a whole number from %d to %d %s').format(1500, 1800, _('bytes')),
		  help: _('Multilink (RFC 1990): with a peer that has it too, packets up to this length pass in fragments that fit the path, and the netdev\'s MTU is 1500. mtu is what passes whole then. Default: none, with bridge 1600.') },
		{ name: 'vj', tab: 'expert', title: _('Header compression'), def: 'no',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Van Jacobson header compression (RFC 1144), if the peer supports it. Turn sequencing on too, so that lost packets are noticed.') },
		{ name: 'deflate', tab: 'expert', title: _('Deflate'), def: 'no',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Compress packets with Deflate (RFC 1979), if the peer supports it and zlib is installed. For slow lines: any compression makes every packet pass through the control process, which slows a fast link down.') },
		{ name: 'bsdcomp', tab: 'expert', title: _('BSD-Compress'), def: 'no',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Compress packets with BSD-Compress (RFC 1977) if Deflate is not available.') },
		{ name: 'mppc', tab: 'expert', title: _('MPPC'), def: 'no',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Compress packets with MPPC (RFC 2118), for a peer that supports nothing else; alone or with MPPE.') },
		{ name: 'mppe', tab: 'expert', title: _('MPPE encryption'), def: 'no',
		  grammar: {"form":"choice","words":["no","128","56","40"]},
		  allowed: 'no, 128, 56, 40',
		  help: _('Require MPPE (RFC 3078, keys from MS-CHAP), for a peer that insists on it. The value is the minimum key length; 128 bits are used if the peer supports them. The session fails without MPPE. RC4 is weak: rely on IPsec for protection.') },
		{ name: 'dataplane', tab: 'expert', title: _('Data plane'),
		  grammar: {"form":"choice","words":["auto","kernel","userspace"]},
		  allowed: 'auto, kernel, userspace',
		  help: _('Where packets move. kernel: in the kernel, which needs its L2TP, PPP and IPsec modules (kmod-pppol2tp, kmod-ipsec4; kmod-crypto-gcm for AES-GCM); refused where it cannot. userspace: in this process, on every kernel. auto: the kernel where it can carry what the section asks for, else userspace; status says why. Compression, MPPE, Multilink and bridges are userspace\'s. While the kernel carries packets with IPsec, other programs have no L2TP on UDP port 1701. In the kernel every user has a netdev of his own, DEVICE-1, DEVICE-2 ...: the firewall zone must name them too (l2tps-lns+), and so the default is userspace.') },
		{ name: 'ifname', tab: 'advanced', title: _('Device name'),
		  grammar: {"form":"datatype","name":"netdev"},
		  allowed: _('a device name: 1 to 15 letters, digits, - _ .'),
		  help: _('Name of the netdev that all sessions share. Default: l2tps-NAME.') },
		{ name: 'bridge', tab: 'advanced', title: _('Bridge'),
		  grammar: {"form":"datatype","name":"netdev"},
		  allowed: _('a device name: 1 to 15 letters, digits, - _ .'),
		  help: _('A bridge of this machine that users\' Ethernet frames come out of, if they bridge too (BCP, RFC 3518).') },
		{ name: 'local_ip', tab: 'general', title: _('Local IP address'), required: true,
		  grammar: {"form":"datatype","name":"address4"},
		  allowed: _('an IPv4 address'),
		  help: _('Our address inside the tunnels.') },
		{ name: 'pool', tab: 'general', title: _('Address pool'),
		  grammar: {"form":"datatype","name":"pool"},
		  allowed: _('IPv4 ranges FIRST-LAST, space separated, 65,536 addresses at most'),
		  help: _('Addresses for users without a fixed one.') },
		{ name: 'dns', tab: 'general', title: _('DNS servers'),
		  grammar: {"form":"list","item":{"form":"datatype","name":"address4"},"separator":"space"},
		  allowed: _('IPv4 addresses, space separated'),
		  help: _('DNS servers for clients; the first two are used.') },
		{ name: 'wins', tab: 'advanced', title: _('WINS servers'),
		  grammar: {"form":"list","item":{"form":"datatype","name":"address4"},"separator":"space"},
		  allowed: _('IPv4 addresses, space separated'),
		  help: _('WINS servers for clients; the first two are used.') },
		{ name: 'ipv6', tab: 'advanced', title: _('IPv6'), def: 'no',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('IPv6 for users who request it (IPV6CP): link-local addresses, and the IPv6 networks in their routes.') },
		{ name: 'ipv6_pool', tab: 'advanced', title: _('IPv6 pool'), depends: {"ipv6":"1"},
		  grammar: {"form":"datatype","name":"network6"},
		  allowed: _('a network such as 2001:db8:1::/48'),
		  help: _('A network, /64 at most, of which each user gets a /64 for global addresses (SLAAC).') },
		{ name: 'ipv6_delegate', tab: 'advanced', title: _('Delegated prefixes'), depends: {"ipv6":"1"},
		  grammar: {"form":"datatype","name":"delegation"},
		  allowed: _('NETWORK/LENGTH-LENGTH such as 2001:db8:8000::/33-56, /64 and 32 bits at most'),
		  help: _('A network, and the length of the prefix of it that each user gets for the networks behind (DHCPv6).') },
		{ name: 'ipv6_dns', tab: 'advanced', title: _('IPv6 DNS servers'), depends: {"ipv6":"1"},
		  grammar: {"form":"list","item":{"form":"datatype","name":"address6"},"separator":"space","most":3},
		  allowed: _('IPv6 addresses, space separated, 3 at most'),
		  help: _('DNS servers for users with IPv6, in router advertisements and DHCPv6.') },
		{ name: 'auth', tab: 'security', title: _('Authentication'), def: 'mschapv2 chap',
		  grammar: {"form":"list","item":{"form":"choice","words":["mschapv2","chap","mschap","eap","pap"]},"separator":"space","unique":true},
		  allowed: _('one or more of mschapv2 chap mschap eap pap, space separated'),
		  help: _('PPP authentication methods that are offered, in order of preference. EAP uses MS-CHAPv2 if mschapv2 is listed, and MD5 if chap is; eap without either of them uses MS-CHAPv2.') },
		{ name: 'allow_pap_in_clear', tab: 'security', title: _('PAP in the clear'), def: 'no', depends: {"ipsec":"off"},
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('With ipsec = off: allow PAP, although everybody on the path can read the passwords. Without this, pap in auth is ignored.') },
		{ name: 'proxy_auth', tab: 'expert', title: _('Trust the LAC'), def: 'no',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('Go on from what a LAC, such as a provider\'s access concentrator, has negotiated with the caller and heard of its authentication (RFC 2661 4.4.5), instead of doing both again. Whoever has tunnel_secret can then say what callers have answered.') },
		{ name: 'users', tab: 'security', title: _('Where users are'), def: 'local',
		  grammar: {"form":"list","item":{"form":"choice","words":["local","radius"]},"separator":"space","unique":true},
		  allowed: _('one or more of local radius, space separated'),
		  help: _('Who decides about callers, in this order. local: the user sections. radius: RADIUS servers. local radius: a user section where there is one of that name, else RADIUS. radius local: RADIUS, and user sections only while no RADIUS server answers.') },
		{ name: 'radius', tab: 'security', title: _('RADIUS servers'),
		  grammar: {"form":"list","item":{"form":"datatype","name":"section"},"separator":"space","most":8,"unique":true},
		  allowed: _('names of sections, space separated, 8 at most'),
		  help: _('The radius sections whose servers are asked, in this order. Default: all, as they are listed.') },
		{ name: 'nas_id', tab: 'advanced', title: _('NAS identifier'),
		  grammar: {"form":"text","max":64},
		  allowed: _('1 to %d characters').format(64),
		  help: _('Our name for RADIUS servers (NAS-Identifier), different for each server section. Default: the host name.') },
		{ name: 'pools', tab: 'advanced', title: _('Named address pools'),
		  grammar: {"form":"list","item":{"form":"datatype","name":"named_pool"},"separator":"space","most":64},
		  allowed: _('NAME=FIRST-LAST, space separated, a name as often as it has ranges; 65,536 addresses at most in each'),
		  help: _('Pools that RADIUS chooses by name (Framed-Pool), such as guests=10.9.1.10-10.9.1.250.') },
		{ name: 'framed_routes', tab: 'security', title: _('Networks from RADIUS'),
		  grammar: {"form":"list","item":{"form":"datatype","name":"network"},"separator":"space"},
		  allowed: _('networks such as 10.2.0.0/16 or fd00:2::/48, space separated'),
		  help: _('Networks that RADIUS may route to users (Framed-Route, IPv6 prefixes), whole or in part; a login with another is refused. Default: none; prefixes of ipv6_pool and ipv6_delegate are always allowed.') },
		{ name: 'acct_interim', tab: 'advanced', title: _('Accounting interval'), def: '600',
		  grammar: {"form":"integer","min":0,"max":86400,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(0, 86400, _('seconds')),
		  help: _('Interim updates of accounting, unless RADIUS says how often (Acct-Interim-Interval); 0: none.') },
		{ name: 'coa_port', tab: 'advanced', title: _('CoA port'), def: '0',
		  grammar: {"form":"integer","min":0,"max":65535},
		  allowed: _('a whole number from %d to %d').format(0, 65535),
		  help: _('UDP port on which the RADIUS servers of this section may end and change sessions (RFC 5176), usually 3799; 0: none. Those with tls may then do so by their connections alone.') },
		{ name: 'second_login', tab: 'security', title: _('Second login'), def: 'replace',
		  grammar: {"form":"choice","words":["replace","refuse"]},
		  allowed: 'replace, refuse',
		  help: _('When a connected user logs in again: replace the old session, or refuse the new one.') },
		{ name: 'bundle_links', tab: 'advanced', title: _('Links per user'), def: '1',
		  grammar: {"form":"integer","min":1,"max":16},
		  allowed: _('a whole number from %d to %d').format(1, 16),
		  help: _('With mrru: calls that a user may join to one connection (Multilink bundle), from the same system. RADIUS may say otherwise (Port-Limit). 1: a second call is a second login.') },
		{ name: 'max_sessions', tab: 'advanced', title: _('Maximum sessions'), def: '1000',
		  grammar: {"form":"integer","min":1,"max":4096},
		  allowed: _('a whole number from %d to %d').format(1, 4096),
		  help: _('Maximum number of users connected at the same time. Callers that are not authenticated yet do not count: they have 30 seconds, with limits of 16 callers per peer and 256 in total, or a quarter of this number.') },
	],
	user: [
		{ name: 'username', tab: 'general', title: _('User name'),
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('Login name. Default: the name of the section.') },
		{ name: 'password', tab: 'general', title: _('Password'), required: true,
		  grammar: {"form":"secret","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('PPP password.') },
		{ name: 'ip', tab: 'general', title: _('Fixed address'),
		  grammar: {"form":"datatype","name":"address4"},
		  allowed: _('an IPv4 address'),
		  help: _('Fixed address of this user.') },
		{ name: 'ipv6_prefix', tab: 'general', title: _('Fixed IPv6 prefix'),
		  grammar: {"form":"datatype","name":"network6"},
		  allowed: _('a network such as 2001:db8:1::/48'),
		  help: _('The /64 of this user\'s global addresses, instead of one of ipv6_pool.') },
		{ name: 'ipv6_delegated_prefix', tab: 'general', title: _('Fixed delegated prefix'),
		  grammar: {"form":"datatype","name":"network6"},
		  allowed: _('a network such as 2001:db8:1::/48'),
		  help: _('The prefix for the networks behind this user, instead of one of ipv6_delegate.') },
		{ name: 'routes', tab: 'general', title: _('Networks behind the peer'),
		  grammar: {"form":"list","item":{"form":"datatype","name":"network"},"separator":"space"},
		  allowed: _('networks such as 10.2.0.0/16 or fd00:2::/48, space separated'),
		  help: _('Networks behind this user (site to site). IPv6 networks require ipv6 = yes in the server section.') },
		{ name: 'bridge', tab: 'advanced', title: _('Bridge'),
		  grammar: {"form":"datatype","name":"netdev"},
		  allowed: _('a device name: 1 to 15 letters, digits, - _ .'),
		  help: _('A bridge of this machine that this user\'s Ethernet frames come out of (BCP), instead of the server section\'s. For whole frames the server section needs mrru = 1600.') },
		{ name: 'session_timeout', tab: 'advanced', title: _('Session timeout'), def: '0',
		  grammar: {"form":"integer","min":0,"max":31536000,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(0, 31536000, _('seconds')),
		  help: _('End each session of this user at a server after this time; 0: never.') },
		{ name: 'idle_timeout', tab: 'advanced', title: _('Idle timeout'), def: '0',
		  grammar: {"form":"integer","min":0,"max":31536000,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(0, 31536000, _('seconds')),
		  help: _('End a session of this user at a server after this long without a packet in either direction; 0: never.') },
		{ name: 'server', tab: 'general', title: _('Server'), offer: 'server',
		  grammar: {"form":"text","max":64},
		  allowed: _('1 to %d characters').format(64),
		  help: _('Server section that this user may log in to. Default: all.') },
	],
	radius: [
		{ name: 'address', tab: 'general', title: _('Address'), required: true,
		  grammar: {"form":"datatype","name":"address"},
		  allowed: _('an IPv4 or IPv6 address'),
		  help: _('Address of the RADIUS server.') },
		{ name: 'secret', tab: 'general', title: _('Secret'),
		  grammar: {"form":"secret","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('The secret shared with it: long and random, as MD5 is all that protects it on the way. Not needed with tls, where it is radsec by default (RFC 6614).') },
		{ name: 'tls', tab: 'general', title: _('TLS'), def: 'no',
		  grammar: {"form":"flag"},
		  allowed: _('yes or no'),
		  help: _('RADIUS over TLS (RadSec, RFC 6614), at least version 1.2: requests and accounting have the same TCP connections. tls_ca, tls_cert and tls_key are needed.') },
		{ name: 'tls_ca', tab: 'general', title: _('CA certificate'), offer: 'upload', depends: {"tls":"1"},
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('File with the certificate (PEM) of the CA that issues the server\'s certificate.') },
		{ name: 'tls_cert', tab: 'general', title: _('Certificate'), offer: 'upload', depends: {"tls":"1"},
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('File with our certificate (PEM), followed by any intermediate certificates.') },
		{ name: 'tls_key', tab: 'general', title: _('Private key'), offer: 'upload', depends: {"tls":"1"},
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('File with the private key (PEM) of our certificate, without a passphrase.') },
		{ name: 'tls_name', tab: 'general', title: _('Server name'), depends: {"tls":"1"},
		  grammar: {"form":"text","max":255},
		  allowed: _('1 to %d characters').format(255),
		  help: _('The host name or address that the server\'s certificate must contain as a subjectAltName. Default: the address. any: accept every server certificate of the CA.') },
		{ name: 'port', tab: 'advanced', title: _('Port'),
		  grammar: {"form":"integer","min":1,"max":65535},
		  allowed: _('a whole number from %d to %d').format(1, 65535),
		  help: _('UDP port for authentication, by default 1812. With tls: TCP port, by default 2083.') },
		{ name: 'acct_port', tab: 'advanced', title: _('Accounting port'), def: '1813',
		  grammar: {"form":"integer","min":0,"max":65535},
		  allowed: _('a whole number from %d to %d').format(0, 65535),
		  help: _('UDP port for accounting; 0: it gets none. With tls accounting has the connections of port.') },
		{ name: 'timeout', tab: 'advanced', title: _('Timeout'), def: '5',
		  grammar: {"form":"integer","min":1,"max":20,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(1, 20, _('seconds')),
		  help: _('How long it is asked, with growing pauses between the packets, before the next server is. A caller waits 30 seconds in all.') },
		{ name: 'dead_time', tab: 'advanced', title: _('Dead time'), def: '60',
		  grammar: {"form":"integer","min":0,"max":3600,"unit":"seconds"},
		  allowed: _('a whole number from %d to %d %s').format(0, 3600, _('seconds')),
		  help: _('How long it is passed over after it has fallen silent, while another one answers.') },
	],
};

return baseclass.extend({
	SECTIONS: SECTIONS,

	/* What the text stands for; undefined when the grammar does not allow it. */
	read: grammar.read
});
