'use strict';
'require baseclass';
'require form';

/* Every option of the daemon with its title, help, default and check: for the interface form and for the server page.
   A test compares these tables with the daemon's own. All values are optional here unless `required`. */

function kind(allowed, ok) {
	return { allowed: allowed, ok: ok };
}
/* A list: `ok` takes one value, or several in one line. */
function many(k) {
	return Object.assign(k, { many: true });
}
function words(s) {
	return s.split(/\s+/);
}

const ok4 = (s) => /^\d{1,3}(\.\d{1,3}){3}$/.test(s) && s.split('.').every((p) => +p <= 255 && String(+p) === p);
const ok6 = (s) => {
	const halves = s.split('::');
	if (!s.includes(':') || halves.length > 2)
		return false;
	let n = 0;
	for (const half of halves) {
		const parts = half === '' ? [] : half.split(':');
		for (let i = 0; i < parts.length; i++) {
			if (i === parts.length - 1 && parts[i].includes('.')) {
				if (!ok4(parts[i]))
					return false;
				n += 2;
			}
			else if (!/^[0-9a-fA-F]{1,4}$/.test(parts[i]))
				return false;
			else
				n++;
		}
	}
	return halves.length === 2 ? n < 8 : n === 8;
};
const number4 = (s) => s.split('.').reduce((n, p) => n * 256 + +p, 0);
/* The 128 bits of an address that ok6() has passed, as text. */
const bits6 = (s) => {
	const groups = (half) => half === '' ? [] : half.split(':').flatMap((g) => g.includes('.')
		? [ Math.floor(number4(g) / 65536), number4(g) % 65536 ] : [ parseInt(g, 16) ]);
	const halves = s.split('::').map(groups);
	const tail = halves[1] || [];
	const zeros = new Array(8 - halves[0].length - tail.length).fill(0);
	return [ ...halves[0], ...zeros, ...tail ].map((g) => g.toString(2).padStart(16, '0')).join('');
};
const okLabel = (l) => /^[A-Za-z0-9_-]{1,63}$/.test(l) && !l.startsWith('-') && !l.endsWith('-');

const GROUP = '(?:modp1024|modp1536|modp2048|modp3072|modp4096|ecp256|ecp384|x25519)';
const HASH = '(?:md5|sha1|sha256|sha384|sha512)';
const IKE = new RegExp('^(?:default|(?:aes128|aes192|aes256|3des)-' + HASH + '-' + GROUP + ')$', 'i');
const ESP = new RegExp('^(?:default|(?:(?:aes128gcm16|aes192gcm16|aes256gcm16|chacha20poly1305)|(?:aes128|aes192|aes256|3des|null)-(?:' + HASH + '|sha256_96))(?:-' + GROUP + ')?)$', 'i');

const integer = (min, max) => Object.assign(
	kind(_('a whole number from %d to %d').format(min, max), (s) => /^\d{1,15}$/.test(s) && +s >= min && +s <= max), { number: true });
const text = (max) => kind(_('1 to %d characters').format(max), (s) => s.length >= 1 && s.length <= max && !/[\x00-\x1f\x7f]/.test(s));
const oneOf = (...list) => Object.assign(kind(list.join(', '), (s) => list.includes(s)), { list: list });
const someOf = (...list) => many(kind(_('one or more of %s, space separated').format(list.join(' ')), (s) => words(s).every((w) => list.includes(w))));
const secret = Object.assign(kind(_('1 to 255 characters'), (s) => s.length >= 1 && s.length <= 255), { secret: true });
const yesNo = Object.assign(kind(_('yes or no'), (s) => [ 'yes', '1', 'on', 'true', 'no', '0', 'off', 'false' ].includes(s)), { flag: true });
const address = kind(_('an IPv4 or IPv6 address'), (s) => ok4(s) || ok6(s));
const address4 = kind(_('an IPv4 address'), ok4);
const addresses4 = many(kind(_('IPv4 addresses, space separated'), (s) => words(s).every(ok4)));
const ifname = kind(_('1 to 15 letters, digits, - _ .'), (s) => /^[A-Za-z0-9_.-]{1,15}$/.test(s) && s !== '.' && s !== '..');
const ikeProposals = many(kind(_('CIPHER-HASH-GROUP such as aes256-sha256-modp2048, space separated'), (s) => s.split(/[\s,]+/).every((w) => IKE.test(w))));
const espProposals = many(kind(_('CIPHER-HASH such as aes256-sha256, or aes256gcm16, each with -GROUP behind it for perfect forward secrecy, space separated'),
	(s) => s.split(/[\s,]+/).every((w) => ESP.test(w))));
const ikeId = kind(_('an address, a host name, user@name or keyid:HEX'), (s) => s !== '' && s.length <= 255 && s !== '@' &&
	(!s.startsWith('keyid:') || ok6(s) || /^keyid:(?:[0-9a-fA-F]{2})+$/.test(s)));
const keepalive = kind(_('FAILURES SECONDS, such as 5 10, or 0 for none'), (s) => {
	const m = /^(\d{1,3})(?:[\s,]+(\d{1,4}))?$/.exec(s);
	return s === '0' || (m !== null && +m[1] >= 1 && +m[1] <= 100 && (m[2] === undefined || (+m[2] >= 1 && +m[2] <= 3600)));
});
const server = kind(_('a host name or address, optionally :port (IPv6 with a port in brackets)'), (s) => {
	const m = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(s) ||
		(s.split(':').length === 2 ? /^([^:]+):(\d{1,5})$/.exec(s) : /^([^[\]]+)$/.exec(s));
	if (m === null || (m[2] !== undefined && (+m[2] < 1 || +m[2] > 65535)))
		return false;
	const host = m[1];
	if (ok4(host) || ok6(host))
		return true;
	return !/^[\d.]+$/.test(host) && !host.includes(':') && host.length <= 253 && host.replace(/\.$/, '').split('.').every(okLabel);
});
const okPrefix4 = (w) => {
	const m = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(w);
	if (m === null || !ok4(m[1]) || +(m[2] || 0) > 32)
		return false;
	return m[2] === undefined || number4(m[1]) % Math.pow(2, 32 - m[2]) === 0;
};
const okPrefix6 = (w) => {
	const m = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(w);
	if (m === null || !ok6(m[1]) || +(m[2] || 0) > 128)
		return false;
	const bits = bits6(m[1]);
	return m[2] === undefined || !bits.slice(+m[2]).includes('1');
};
const networks = many(kind(_('networks such as 10.2.0.0/16 or fd00:2::/48, space separated; host bits must be zero'),
	(s) => words(s).every((w) => okPrefix4(w) || okPrefix6(w))));
const pool = many(kind(_('IPv4 ranges FIRST-LAST, space separated, 65,536 addresses at most'), (s) => {
	let size = 0;
	for (const part of words(s)) {
		const ends = part.split('-');
		const last = ends.length > 1 ? ends[1] : ends[0];
		if (ends.length > 2 || !ok4(ends[0]) || !ok4(last) || number4(last) < number4(ends[0]))
			return false;
		size += number4(last) - number4(ends[0]) + 1;
	}
	return size <= 65536;
}));

const device = kind(_('a path such as /dev/ttyUSB0'), (s) => /^\/[\x21-\x7e]{1,106}$/.test(s));
const phones = many(kind(_('numbers of 1 to 60 digits and * # + , ( ) - . W @ ! P T, space separated'), (s) => words(s).every((w) => /^[0-9*#+,().\-W@!PTwpt]{1,60}$/.test(w))));
const apn = kind(_('1 to 100 letters, digits, - and .'), (s) => /^[A-Za-z0-9.-]{1,100}$/.test(s));
const dayTimes = many(kind(_('daily times such as 22:00-06:00, space separated'), (s) => words(s).length <= 16 && words(s).every((w) => {
	const m = /^(\d\d):([0-5]\d)-(\d\d):([0-5]\d)$/.exec(w);
	if (m === null)
		return false;
	const from = m[1] * 60 + +m[2], to = m[3] * 60 + +m[4];
	return from < 1440 && to <= 1440 && from !== to;
})));

const ubus = kind(_('auto, off, or a path such as /var/run/ubus/ubus.sock'), (s) => s === 'auto' || s === 'off' || /^\/[\x21-\x7e]{1,106}$/.test(s));

/* What a client and a server have in common. */
const TUNNEL = [
	{ name: 'ipsec', tab: 'ipsec', kind: oneOf('required', 'off'), title: _('IPsec'),
	  help: _('required: no L2TP packet ever leaves or is accepted outside ESP; the default as soon as there is a psk. off: L2TP in the clear, for troubleshooting only, warned about at every start.'),
	  against: { value: 'off', other: 'psk', why: _('IPsec is off, but there is a pre-shared key: remove it, or leave IPsec on') } },
	{ name: 'encap', tab: 'ipsec', kind: oneOf('auto', 'udp', 'esp'), title: _('Encapsulation'),
	  help: _('auto: raw ESP, or UDP 4500 when there is a NAT. udp: always UDP 4500. esp: always raw ESP, refuse a NAT.'), def: 'auto' },
	{ name: 'ike_proposals', tab: 'ipsec', kind: ikeProposals, title: _('IKE proposals'),
	  help: _('Phase 1 proposals, best first. Default: strong ones that current peers know, without 3DES and MODP1024; default 3des-sha1-modp1024 takes an old peer as well.') },
	{ name: 'esp_proposals', tab: 'ipsec', kind: espProposals, title: _('ESP proposals'),
	  help: _('ESP proposals, best first. Default: AES-GCM, then AES-CBC; default 3des-sha1 takes an old peer as well.') },
	{ name: 'local_id', tab: 'ipsec', kind: ikeId, title: _('Local identity'),
	  help: _('Our IKE identity: an address, a host name or user@name. Default: our address.') },
	{ name: 'remote_id', tab: 'ipsec', kind: ikeId, title: _('Remote identity'),
	  help: _('The IKE identity that the peer must show. Default: any, the key decides.') },
	{ name: 'ike_lifetime', tab: 'ipsec', kind: integer(60, 604800), title: _('IKE lifetime'),
	  help: _('Life of the ISAKMP SA; it is renewed before.'), def: '28800' },
	{ name: 'esp_lifetime', tab: 'ipsec', kind: integer(30, 86400), title: _('ESP lifetime'),
	  help: _('Life of the ESP SAs; they are renewed before.'), def: '3600' },
	{ name: 'esp_lifetime_mbytes', tab: 'ipsec', kind: integer(0, 1048576), title: _('ESP lifetime in MiB'),
	  help: _('Renew the ESP SAs after so many MiB as well; 0: only where the cipher asks for it (3DES).'), def: '0' },
	{ name: 'dpd', tab: 'ipsec', kind: integer(0, 3600), title: _('Dead peer detection'),
	  help: _('Dead peer detection: ask after so much silence; 0: off.'), def: '30' },
	{ name: 'tunnel_secret', tab: 'l2tp', kind: secret, title: _('Tunnel secret'),
	  help: _('L2TP tunnel authentication: the shared secret of the challenge.') },
	{ name: 'hide_avps', tab: 'l2tp', kind: yesNo, title: _('Hide AVPs'),
	  help: _('Hide what the tunnel\'s AVPs say (RFC 2661 4.3) with tunnel_secret. IPsec hides it already.'), def: 'no' },
	{ name: 'hostname', tab: 'l2tp', kind: text(64), title: _('Host name'),
	  help: _('Host Name that we tell the L2TP peer. Default: this machine\'s.') },
	{ name: 'hello', tab: 'l2tp', kind: integer(0, 3600), title: _('Hello interval'),
	  help: _('L2TP Hello after so much silence; 0: off.'), def: '60' },
	{ name: 'sequencing', tab: 'l2tp', kind: yesNo, title: _('Sequence numbers'),
	  help: _('Sequence numbers on data packets; those that arrive out of order are put in order.'), def: 'no' },
	{ name: 'keepalive', tab: 'ppp', kind: keepalive, title: _('Keepalive'),
	  help: _('LCP echo: give up after so many lost ones, one every so many seconds of silence.'), def: '5 10' },
	{ name: 'mtu', tab: 'ppp', kind: integer(576, 1500), title: _('MTU'),
	  help: _('MTU of the netdev. Default: what fits the path unfragmented, 1400 at most.') },
	{ name: 'dataplane', tab: 'l2tp', kind: oneOf('auto', 'kernel', 'userspace'), title: _('Data plane'),
	  help: _('Where packets move. This version has userspace only.'), def: 'auto' },
	{ name: 'vj', tab: 'ppp', kind: yesNo, title: _('Header compression'),
	  help: _('Van Jacobson header compression (RFC 1144), where the other side has it; with sequencing, so that a lost packet is noticed.'), def: 'no' },
	{ name: 'deflate', tab: 'ppp', kind: yesNo, title: _('Deflate'),
	  help: _('Compress packets with Deflate (RFC 1979), where the other side and this machine (zlib) have it: for a tunnel on a slow line. With any compression each packet visits the control process, so a fast link gets slower.'), def: 'no' },
	{ name: 'bsdcomp', tab: 'ppp', kind: yesNo, title: _('BSD-Compress'),
	  help: _('Compress packets with BSD-Compress (RFC 1977), where Deflate is not to be had.'), def: 'no' },
	{ name: 'mppc', tab: 'ppp', kind: yesNo, title: _('MPPC'),
	  help: _('Compress packets with MPPC (RFC 2118), for a peer that has nothing else; alone or together with MPPE.'), def: 'no' },
	{ name: 'mppe', tab: 'ppp', kind: oneOf('no', '128', '56', '40'), title: _('MPPE encryption'),
	  help: _('Encrypt with MPPE (RFC 3078, keys from MS-CHAP) for a peer that insists on it: with so many bits at least, 128 where the peer has them; the session ends without it. RC4 is weak: IPsec is what protects.'), def: 'no' }
];

/* What a client and a caller have in common. */
const EAP_TLS = [
	{ name: 'eap_ca', tab: 'ppp', kind: text(255), title: _('CA certificate'),
	  help: _('EAP-TLS: file with the certificate (PEM) of the CA that the server\'s must come from. With these files EAP-TLS is the only proof that is given, and no password is needed.') },
	{ name: 'eap_cert', tab: 'ppp', kind: text(255), title: _('Certificate'),
	  help: _('EAP-TLS: file with our certificate (PEM), and those between it and its CA.') },
	{ name: 'eap_key', tab: 'ppp', kind: text(255), title: _('Private key'),
	  help: _('EAP-TLS: file with the private key (PEM) of our certificate, without a passphrase.') },
	{ name: 'eap_server_name', tab: 'ppp', kind: text(255), title: _('Server name'),
	  help: _('EAP-TLS: the host name or address that must be among the subjectAltNames of the server\'s certificate; any: every server of that CA will do.') }
];

const SECTIONS = {
	daemon: [
		{ name: 'control', tab: 'general', kind: text(107), title: _('Control socket'),
		  help: _('UNIX socket of the control API.'), def: '/var/run/l2tpsec.sock' },
		{ name: 'log', tab: 'general', kind: oneOf('error', 'warn', 'notice', 'info', 'debug'), title: _('Log level'),
		  help: _('The least important events that are logged.'), def: 'info' },
		{ name: 'ubus', tab: 'general', kind: ubus, title: _('ubus'),
		  help: _('OpenWrt\'s bus: the object l2tpsec, and netifd\'s view of the links. auto: /var/run/ubus/ubus.sock, with --config FILE only where that is at the start.'), def: 'auto' },
	],
	interface: [
		{ name: 'server', tab: 'general', kind: server, title: _('Server'),
		  help: _('Name or address of the server, with :port where L2TP does not listen on 1701.'), required: true },
		{ name: 'username', tab: 'general', kind: text(255), title: _('User name'),
		  help: _('PPP user name.') },
		{ name: 'password', tab: 'general', kind: secret, title: _('Password'),
		  help: _('PPP password.') },
		{ name: 'psk', tab: 'general', kind: secret, title: _('Pre-shared key'),
		  help: _('Pre-shared key. Turns IPsec on.') },
		...TUNNEL,
		{ name: 'auto', tab: 'routing', kind: yesNo, title: _('Start automatically'),
		  help: _('Bring the link up when the daemon starts.'), def: 'yes' },
		{ name: 'ifname', tab: 'routing', kind: ifname, title: _('Device name'),
		  help: _('Name of the netdev. Default: l2tps-NAME.'), uci: 'pppname' },
		{ name: 'routes', tab: 'routing', kind: networks, title: _('Networks behind the peer'),
		  help: _('Networks behind the peer, routed into the link. 0.0.0.0/0 or ::/0 is the same as defaultroute = yes.') },
		{ name: 'defaultroute', tab: 'routing', kind: yesNo, title: _('Default route'),
		  help: _('Route everything into the link, with ipv6 IPv6 too; the server itself stays outside.'), def: 'no' },
		{ name: 'killswitch', tab: 'advanced', kind: oneOf('routes', 'all', 'off'), title: _('Kill switch'),
		  help: _('What is refused here while the link is wanted and not up, instead of leaving in the clear. routes: packets to its routes. all: everything that a default route would carry, of IPv4 and IPv6 (IPv6 as long as the link does not carry it). off: nothing.'), def: 'routes' },
		{ name: 'metric', tab: 'routing', kind: integer(0, 4294967295), title: _('Route metric'),
		  help: _('Metric of the link\'s routes. With 0 a default route is set as two halves, so that it comes before that of wan and leaves it in place; with another metric the lower one wins.'), def: '0' },
		{ name: 'peerdns', tab: 'routing', kind: yesNo, title: _('Use the peer\'s DNS servers'),
		  help: _('Ask the server for DNS servers: netifd uses them, and the status shows them.'), def: 'yes' },
		{ name: 'ipv6', tab: 'routing', kind: oneOf('no', 'yes', 'auto'), title: _('IPv6'),
		  help: _('yes: IPv6 as well, where the peer has it (IPV6CP). auto: that, and netifd gets an interface NAME_6 that asks the peer for addresses by DHCPv6.'), def: 'no' },
		{ name: 'refuse_pap', tab: 'ppp', kind: yesNo, title: _('Refuse PAP'),
		  help: _('Never send the password with PAP, which shows it to whoever holds the pre-shared key.'), def: 'yes' },
		{ name: 'allow_pap_in_clear', tab: 'ppp', kind: yesNo, title: _('PAP in the clear'),
		  help: _('With ipsec = off and refuse_pap = no: PAP may send the password where everybody on its way can read it.'), def: 'no', depends: { ipsec: 'off' } },
		{ name: 'refuse_chap', tab: 'ppp', kind: yesNo, title: _('Refuse CHAP'),
		  help: _('Do not answer to CHAP-MD5.'), def: 'no' },
		{ name: 'refuse_mschapv2', tab: 'ppp', kind: yesNo, title: _('Refuse MS-CHAPv2'),
		  help: _('Do not answer to MS-CHAPv2.'), def: 'no' },
		{ name: 'refuse_eap', tab: 'ppp', kind: yesNo, title: _('Refuse EAP'),
		  help: _('Do not answer to EAP (MD5 and MS-CHAPv2 inside of it): servers that ask for it first take MS-CHAPv2 as well.'), def: 'yes' },
		...EAP_TLS,
		{ name: 'source_port', tab: 'l2tp', kind: integer(0, 65535), title: _('Source port'),
		  help: _('Our L2TP UDP port; 0: an ephemeral one.'), def: '1701' },
		{ name: 'call', tab: 'l2tp', kind: oneOf('incoming', 'outgoing'), title: _('Call direction'),
		  help: _('incoming: we announce a call (ICRQ), as all L2TP clients do. outgoing: we ask the peer to place one (OCRQ).'), def: 'incoming' },
		{ name: 'reconnect_min', tab: 'l2tp', kind: integer(1, 3600), title: _('Shortest pause'),
		  help: _('First pause before a new attempt.'), def: '2' },
		{ name: 'reconnect_max', tab: 'l2tp', kind: integer(1, 86400), title: _('Longest pause'),
		  help: _('Longest pause between attempts, but 300 after a wrong password where that is longer. There is no last attempt.'), def: '120' },
	],
	nasdial: [
		{ name: 'device', tab: 'general', kind: device, title: _('Serial device'),
		  help: _('The serial device of the modem, or of a null-modem cable.'), required: true },
		{ name: 'baud', tab: 'modem', kind: integer(300, 4000000), title: _('Speed of the line'),
		  help: _('Speed of the serial line.'), def: '115200' },
		{ name: 'flow', tab: 'modem', kind: oneOf('rtscts', 'xonxoff', 'none'), title: _('Flow control'),
		  help: _('Flow control of the serial line.'), def: 'rtscts' },
		{ name: 'line', tab: 'general', kind: oneOf('modem', 'direct'), title: _('Line'),
		  help: _('modem: one that takes AT commands. direct: a null-modem cable, nothing is dialled.'), def: 'modem' },
		{ name: 'role', tab: 'general', kind: oneOf('dial', 'answer'), title: _('Role'),
		  help: _('dial: call the NAS. answer: be one, for a caller from the user sections.'), def: 'dial' },
		{ name: 'phone', tab: 'general', kind: phones, title: _('Telephone numbers'),
		  help: _('Numbers of the NAS, tried in turn; commas are pauses. *99# for mobile networks.'), depends: { role: 'dial', line: 'modem' } },
		{ name: 'init', tab: 'modem', kind: text(120), title: _('Init string'),
		  help: _('Init string, answered with OK before anything is dialled.'), def: 'ATZ' },
		{ name: 'init2', tab: 'modem', kind: text(120), title: _('Init string 2'),
		  help: _('A further init string.') },
		{ name: 'init3', tab: 'modem', kind: text(120), title: _('Init string 3'),
		  help: _('A further init string.') },
		{ name: 'init4', tab: 'modem', kind: text(120), title: _('Init string 4'),
		  help: _('A further init string.') },
		{ name: 'init5', tab: 'modem', kind: text(120), title: _('Init string 5'),
		  help: _('A further init string.') },
		{ name: 'init6', tab: 'modem', kind: text(120), title: _('Init string 6'),
		  help: _('A further init string.') },
		{ name: 'init7', tab: 'modem', kind: text(120), title: _('Init string 7'),
		  help: _('A further init string.') },
		{ name: 'init8', tab: 'modem', kind: text(120), title: _('Init string 8'),
		  help: _('A further init string.') },
		{ name: 'init9', tab: 'modem', kind: text(120), title: _('Init string 9'),
		  help: _('A further init string.') },
		{ name: 'dial_command', tab: 'modem', kind: text(40), title: _('Dial command'),
		  help: _('What stands before the number: ATDT for tones, ATDP for pulses.'), def: 'ATDT', depends: { role: 'dial', line: 'modem' } },
		{ name: 'apn', tab: 'general', kind: apn, title: _('Access point (APN)'),
		  help: _('Access point of a mobile network (AT+CGDCONT).'), depends: { role: 'dial', line: 'modem' } },
		{ name: 'pin', tab: 'general', kind: secret, title: _('PIN'),
		  help: _('PIN of the SIM card. It is given once and never tried again by itself.') },
		{ name: 'username', tab: 'general', kind: text(255), title: _('User name'),
		  help: _('User name, for a login prompt and for PPP.'), depends: { role: 'dial' } },
		{ name: 'password', tab: 'general', kind: secret, title: _('Password'),
		  help: _('Password.'), depends: { role: 'dial' } },
		{ name: 'login', tab: 'modem', kind: oneOf('auto', 'none', 'windows'), title: _('Login prompt'),
		  help: _('Between CONNECT and PPP. auto: answer a login prompt, if there is one. none: PPP at once. windows: say CLIENT and wait for CLIENTSERVER, with line = direct.'), def: 'auto' },
		{ name: 'chat', tab: 'modem', kind: text(4096), title: _('Chat script'),
		  help: _('A script of chat(8) instead: expect and send in turn, with its escapes; ${username} and ${password} stand for the options.') },
		{ name: 'carrier_check', tab: 'modem', kind: yesNo, title: _('Check the carrier'),
		  help: _('After CONNECT the carrier wire must be on, where there is one.'), def: 'yes' },
		{ name: 'command_timeout', tab: 'modem', kind: integer(1, 60), title: _('Time for a command'),
		  help: _('For the answer to an AT command.'), def: '5' },
		{ name: 'connect_timeout', tab: 'modem', kind: integer(5, 300), title: _('Time to connect'),
		  help: _('From dialling to CONNECT.'), def: '60', depends: { role: 'dial', line: 'modem' } },
		{ name: 'rings', tab: 'answer', kind: integer(1, 20), title: _('Rings'),
		  help: _('role = answer: how often it rings.'), def: '1', depends: { role: 'answer' } },
		{ name: 'dial_attempts', tab: 'dialling', kind: integer(0, 1000), title: _('Rounds of dialling'),
		  help: _('Rounds through all numbers before the link gives up; 0: it never does.'), def: '0', depends: { role: 'dial', line: 'modem' } },
		{ name: 'redial_pause', tab: 'dialling', kind: integer(0, 3600), title: _('Pause of a number'),
		  help: _('No number is called again before, whatever else is due.'), def: '10', depends: { role: 'dial', line: 'modem' } },
		{ name: 'reconnect_min', tab: 'dialling', kind: integer(1, 3600), title: _('Shortest pause'),
		  help: _('First pause after a round.'), def: '5' },
		{ name: 'reconnect_max', tab: 'dialling', kind: integer(1, 86400), title: _('Longest pause'),
		  help: _('Longest pause after a round.'), def: '300' },
		{ name: 'idle_timeout', tab: 'dialling', kind: integer(0, 86400), title: _('Idle time'),
		  help: _('Hang up after so long without an IP packet either way; 0: never. With demand the next packet dials again, without it the link waits for `up`.'), def: '0' },
		{ name: 'demand', tab: 'dialling', kind: yesNo, title: _('Dial on demand'),
		  help: _('Dial when there is a packet for the link: its netdev and routes are there from the start.'), def: 'no', depends: { role: 'dial' } },
		{ name: 'hold', tab: 'dialling', kind: dayTimes, title: _('Hold'),
		  help: _('Daily times in which the link stays down, by the local clock; a call is ended. While the clock is not set they do not count.') },
		{ name: 'keepalive', tab: 'ppp', kind: keepalive, title: _('Keepalive'),
		  help: _('LCP echo: give up after so many lost ones, one every so many seconds of silence.'), def: '5 10' },
		{ name: 'mtu', tab: 'ppp', kind: integer(576, 1500), title: _('MTU'),
		  help: _('MTU of the netdev, and what PPP asks for.'), def: '1500' },
		{ name: 'auto', tab: 'routing', kind: yesNo, title: _('Start automatically'),
		  help: _('Bring the link up when the daemon starts.'), def: 'yes' },
		{ name: 'ifname', tab: 'routing', kind: ifname, title: _('Device name'),
		  help: _('Name of the netdev. Default: nas-NAME.'), uci: 'pppname' },
		{ name: 'routes', tab: 'routing', kind: networks, title: _('Networks behind the peer'),
		  help: _('Networks behind the peer, routed into the link. 0.0.0.0/0 or ::/0 is the same as defaultroute = yes.') },
		{ name: 'defaultroute', tab: 'routing', kind: yesNo, title: _('Default route'),
		  help: _('Route everything into the link, with ipv6 IPv6 too.'), def: 'no' },
		{ name: 'metric', tab: 'routing', kind: integer(0, 4294967295), title: _('Route metric'),
		  help: _('Metric of the link\'s routes.'), def: '0' },
		{ name: 'peerdns', tab: 'routing', kind: yesNo, title: _('Use the peer\'s DNS servers'),
		  help: _('Ask the server for DNS servers: netifd uses them, and the status shows them.'), def: 'yes' },
		{ name: 'refuse_pap', tab: 'ppp', kind: yesNo, title: _('Refuse PAP'),
		  help: _('Never send the password with PAP.'), def: 'no' },
		{ name: 'allow_pap_in_clear', tab: 'ppp', kind: yesNo, title: _('PAP in the clear'),
		  help: _('PAP may send the password on the line, where nothing hides it; with role = answer: callers may be asked for it.'), def: 'no' },
		{ name: 'refuse_chap', tab: 'ppp', kind: yesNo, title: _('Refuse CHAP'),
		  help: _('Do not answer to CHAP-MD5.'), def: 'no' },
		{ name: 'refuse_mschapv2', tab: 'ppp', kind: yesNo, title: _('Refuse MS-CHAPv2'),
		  help: _('Do not answer to MS-CHAPv2.'), def: 'no' },
		{ name: 'refuse_eap', tab: 'ppp', kind: yesNo, title: _('Refuse EAP'),
		  help: _('Do not answer to EAP (MD5 and MS-CHAPv2 inside of it).'), def: 'no' },
		...EAP_TLS,
		{ name: 'ipv6', tab: 'routing', kind: oneOf('no', 'yes', 'auto'), title: _('IPv6'),
		  help: _('yes: IPv6 as well, where the peer has it (IPV6CP). auto: that, and netifd gets an interface NAME_6 that asks the peer for addresses by DHCPv6.'), def: 'no' },
		{ name: 'vj', tab: 'ppp', kind: yesNo, title: _('Header compression'),
		  help: _('Van Jacobson header compression (RFC 1144), where the other side has it.'), def: 'yes' },
		{ name: 'deflate', tab: 'ppp', kind: yesNo, title: _('Deflate'),
		  help: _('Compress packets with Deflate (RFC 1979), where the other side and this machine (zlib) have it.'), def: 'yes' },
		{ name: 'bsdcomp', tab: 'ppp', kind: yesNo, title: _('BSD-Compress'),
		  help: _('Compress packets with BSD-Compress (RFC 1977), where Deflate is not to be had.'), def: 'yes' },
		{ name: 'mppc', tab: 'ppp', kind: yesNo, title: _('MPPC'),
		  help: _('Compress packets with MPPC (RFC 2118), for a peer that has nothing else; alone or together with MPPE.'), def: 'no' },
		{ name: 'mppe', tab: 'ppp', kind: oneOf('no', '128', '56', '40'), title: _('MPPE encryption'),
		  help: _('Encrypt with MPPE (RFC 3078, keys from MS-CHAP) for a peer that insists on it: with so many bits at least, 128 where the peer has them; the call ends without it. RC4 is weak: a tunnel with IPsec needs none.'), def: 'no' },
		{ name: 'auth', tab: 'answer', kind: someOf('mschapv2', 'chap', 'mschap', 'eap', 'pap'), title: _('Authentication'),
		  help: _('role = answer: PPP authentication that is offered, best first. Inside EAP the same holds: MS-CHAPv2 if mschapv2 is listed, MD5 if chap is; eap without either is with MS-CHAPv2.'), def: 'mschapv2 chap', depends: { role: 'answer' } },
		{ name: 'local_ip', tab: 'answer', kind: address4, title: _('Local IP address'),
		  help: _('role = answer: our address on the line.'), depends: { role: 'answer' } },
		{ name: 'remote_ip', tab: 'answer', kind: address4, title: _('Address of the caller'),
		  help: _('role = answer: the caller\'s address, where its user section gives none.'), depends: { role: 'answer' } },
		{ name: 'dns', tab: 'answer', kind: addresses4, title: _('DNS servers of the caller'),
		  help: _('role = answer: DNS servers told to the caller.'), uci: 'ms_dns', depends: { role: 'answer' } },
	],
	server: [
		{ name: 'listen', tab: 'general', kind: address, title: _('Listen address'),
		  help: _('Our address that clients call. Default: every address.') },
		{ name: 'psk', tab: 'general', kind: secret, title: _('Pre-shared key'),
		  help: _('Pre-shared key. Turns IPsec on.') },
		...TUNNEL,
		{ name: 'ifname', tab: 'routing', kind: ifname, title: _('Device name'),
		  help: _('Name of the netdev of all sessions. Default: l2tps-NAME.') },
		{ name: 'local_ip', tab: 'general', kind: address4, title: _('Local IP address'),
		  help: _('Our address inside the tunnels.'), required: true },
		{ name: 'pool', tab: 'general', kind: pool, title: _('Address pool'),
		  help: _('Addresses for users without a fixed one.') },
		{ name: 'dns', tab: 'general', kind: addresses4, title: _('DNS servers'),
		  help: _('DNS servers told to clients; the first two count.') },
		{ name: 'wins', tab: 'general', kind: addresses4, title: _('WINS servers'),
		  help: _('WINS servers told to clients; the first two count.') },
		{ name: 'ipv6', tab: 'general', kind: yesNo, title: _('IPv6'),
		  help: _('IPv6 for users who ask for it (IPV6CP): link-local addresses, and the IPv6 networks among their routes.'), def: 'no' },
		{ name: 'auth', tab: 'ppp', kind: someOf('mschapv2', 'chap', 'mschap', 'eap', 'pap'), title: _('Authentication'),
		  help: _('PPP authentication that is offered, best first. Inside EAP the same holds: MS-CHAPv2 if mschapv2 is listed, MD5 if chap is; eap without either is with MS-CHAPv2.'), def: 'mschapv2 chap' },
		{ name: 'allow_pap_in_clear', tab: 'ppp', kind: yesNo, title: _('PAP in the clear'),
		  help: _('With ipsec = off: callers may be asked for PAP, although everybody on the way can read the passwords then; otherwise pap in auth counts for nothing.'), def: 'no', depends: { ipsec: 'off' } },
		{ name: 'second_login', tab: 'ppp', kind: oneOf('replace', 'refuse'), title: _('Second login'),
		  help: _('A user who is connected calls again: the new session replaces the old one, or is refused.'), def: 'replace' },
		{ name: 'max_sessions', tab: 'general', kind: integer(1, 4096), title: _('Most sessions'),
		  help: _('Most users connected at one time. Callers who have not said who they are do not count: they have 30 s, and are 16 of one peer and 256 in all at the most.'), def: '1000' },
	],
	user: [
		{ name: 'username', tab: 'general', kind: text(255), title: _('User name'),
		  help: _('Name to log in with. Default: the name of the section.') },
		{ name: 'password', tab: 'general', kind: secret, title: _('Password'),
		  help: _('PPP password.'), required: true },
		{ name: 'ip', tab: 'general', kind: address4, title: _('Fixed address'),
		  help: _('Fixed address of this user.') },
		{ name: 'routes', tab: 'general', kind: networks, title: _('Networks behind the peer'),
		  help: _('Networks behind this user (site to site); those of IPv6 where the server has ipv6 = yes.') },
		{ name: 'server', tab: 'general', kind: text(64), title: _('Server'),
		  help: _('The server section this user may call. Default: all.') },
	],
};

return baseclass.extend({
	SECTIONS: SECTIONS,

	/* What a form's validate answers: true, or the reason in words. Empty means: use the default. */
	check: function(o, value) {
		if (value === null || value === undefined || value === '')
			return o.required ? _('This field is required') : true;
		return o.kind.ok(value) || _('Allowed: %s').format(o.kind.allowed);
	},

	/* Whether another field of the form says the opposite: true, or the reason in words. */
	contradiction: function(s, section_id, o, value) {
		const a = o.against;
		return a && value === a.value && s.formvalue(section_id, a.other) ? a.why : true;
	},

	/* Adds the options of one section type to a form section; tabs: whether the form section has this table's tabs.
	   `uci` is an option's name in /etc/config/network, where that is another. */
	add: function(s, list, tabs) {
		for (const o of list) {
			const k = o.kind;
			const type = k.flag ? form.Flag : k.list ? form.ListValue : k.many ? form.DynamicList : form.Value;
			const name = o.uci || o.name;
			const w = tabs ? s.taboption(o.tab, type, name, o.title, o.help) : s.option(type, name, o.title, o.help);
			if (o.depends)
				w.depends(o.depends);
			if (k.flag) {
				w.enabled = '1';
				w.disabled = '0';
				w.default = o.def === 'yes' ? w.enabled : w.disabled;
				/* Older configurations may hold the words. */
				w.cfgvalue = function(section_id) {
					const v = form.Flag.prototype.cfgvalue.apply(this, arguments);
					return v == null ? v : ([ 'yes', '1', 'on', 'true' ].includes(v) ? '1' : '0');
				};
				continue;
			}
			if (k.list) {
				if (o.def === undefined)
					w.value('', _('Default'));
				for (const x of k.list)
					w.value(x);
				w.default = o.def === undefined ? '' : o.def;
			}
			else if (o.def !== undefined)
				w.placeholder = o.def;
			if (k.secret)
				w.password = true;
			w.rmempty = !o.required;
			w.validate = (section_id, value) => this.check(o, value) !== true ? this.check(o, value) : this.contradiction(s, section_id, o, value);
			/* What another option says against it is looked at again when that one changes. */
			const judge = list.find((x) => x.against && x.against.other === o.name);
			if (judge)
				w.onchange = (ev, section_id) => s.getOption(judge.uci || judge.name).triggerValidation(section_id);
		}
	}
});
