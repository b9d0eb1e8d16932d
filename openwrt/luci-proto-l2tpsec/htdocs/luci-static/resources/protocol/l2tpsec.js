'use strict';
'require network';
'require l2tpsec.forms as forms';
'require l2tpsec.options as options';

network.registerPatternVirtual(/^(l2tps|nas)-.+$/);

/* The daemon's failure codes; the handler notifies them as they are or in capitals. */
const ERRORS = {
	'account-disabled': _('The server has disabled the account'),
	'address-taken': _('The address is still with another session'),
	'auth-failed': _('Wrong user name or password'),
	'auth-reflected': _("The peer sends this side's own challenge back"),
	'auth-refused': _('The two sides do not agree on who authenticates'),
	'auth-timeout': _('The peer does not answer during authentication'),
	'bad-certificate': _('A file of EAP-TLS holds no such certificate or key'),
	'bad-key': _('The Diffie-Hellman value of the peer is not acceptable'),
	'bad-selectors': _('The peer does not serve L2TP inside IPsec'),
	'blacklisted': _('The modem has put this number on its black list'),
	'busy': _('The number is busy'),
	'call-closed': _('The L2TP call ended'),
	'call-order': _('The peer breaks the order of L2TP messages'),
	'call-refused': _('The server refused or ended the L2TP call'),
	'call-timeout': _('The server does not go on with the L2TP call'),
	'carrier-lost': _('The modem lost the carrier: the other side hung up, or the line broke'),
	'chat': _('The chat script is not valid'),
	'client-certificate': _('The server refuses the certificate'),
	'closed': _('The L2TP tunnel was closed'),
	'crowded': _('The caller did not say who it is, and made room for another'),
	'dead-peer': _('The server has fallen silent'),
	'delayed': _('The modem refuses to dial this number again so soon'),
	'device-gone': _('The serial device is gone'),
	'disconnected': _('Disconnected by hand'),
	'down': _('The session ended'),
	'ebusy': _('The device is in use'),
	'echo-timeout': _('The server no longer answers echo requests'),
	'ended': _('The call ended'),
	'enoent': _('There is no such device'),
	'expired': _('The IPsec keys expired and could not be replaced'),
	'full': _('One peer has as many connections as it may'),
	'hold': _('At this time of the day the line stays down'),
	'id-mismatch': _('The server shows another IKE identity than the configured one'),
	'idle': _('The line was hung up after silence'),
	'incomplete': _('The peer leaves out what L2TP requires'),
	'invalid-config': _('An option is not valid: ifstatus, the log and l2tpsec check --uci say which'),
	'ipcp-failed': _('The two sides do not agree on IP addresses'),
	'lcp-failed': _('The two sides do not agree on the PPP link'),
	'lcp-timeout': _('The server does not answer PPP'),
	'line-down': _('The line that the tunnel ran on is down'),
	'login-asked': _('The other side asks for a login, and there is no user name'),
	'login-paused': _('After wrong passwords there is a pause'),
	'login-refused': _('The login was refused'),
	'loop': _('The line is looped back'),
	'lost-tie': _('The peer opened a tunnel at the same time'),
	'lower-down': _('The layer below PPP went away'),
	'mode': _('The peer asks for an IKE exchange that is not spoken here'),
	'modem-abort': _('The modem says that the call failed'),
	'modem-error': _('The modem does not take a command, or the mobile network refuses'),
	'modem-silent': _('The modem does not answer'),
	'modem-timeout': _('The modem does not give the answer that was expected'),
	'name': _('The name of the server does not resolve'),
	'nat': _('There is a NAT on the way, and raw ESP is configured'),
	'netdev': _('The network device is gone'),
	'network-taken': _('Another user has the same network'),
	'no-address': _('The server gives no usable IP address'),
	'no-answer': _('Nobody answers: no IKE from the server, or no modem at the number'),
	'no-call': _('The tunnel had no call for a minute'),
	'no-carrier': _('No modem answered, or the two did not agree'),
	'no-common-auth': _('No authentication method in common'),
	'no-daemon': _('The daemon l2tpsec is not running: the log says why'),
	'no-dialin-permission': _('The user has no dial-in permission'),
	'no-dialtone': _('There is no dial tone'),
	'no-encryption': _('The peer and this side do not agree on encryption (MPPE)'),
	'no-ipv6': _('The peer has no IPv6'),
	'no-natt': _('The server knows no NAT traversal'),
	'no-proposal': _('No IPsec proposal in common'),
	'no-quick-mode': _('The peer finished IKE phase 1 and began no phase 2'),
	'no-reply': _('The L2TP server acknowledges, but does not go on'),
	'no-route': _('There is no route to the server'),
	'no-tls': _('EAP-TLS needs OpenSSL, which is not installed'),
	'no-tunnel-secret': _('The server asks for an L2TP tunnel secret'),
	'not-converging': _('The two sides do not agree on the PPP options'),
	'order': _('The peer breaks the order of L2TP messages'),
	'password-change-failed': _('The server could not change the password'),
	'password-expired': _('The password has expired'),
	'peer-closed': _('The server closed the L2TP tunnel'),
	'peer-deleted': _('The server closed the IPsec connection'),
	'peer-silent': _('The L2TP server does not answer'),
	'peer-terminated': _('The server ended the PPP session'),
	'pin-refused': _('The SIM card refuses the PIN'),
	'plane': _('The data plane refuses the IPsec keys'),
	'pool-empty': _('Every address of the pool is taken'),
	'psk-mismatch': _('Authentication of IPsec fails: probably the pre-shared key differs'),
	'refused': _('The server refuses the connection'),
	'replaced': _('The user called again'),
	'restricted-hours': _('The user may not log in at this hour'),
	'role': _('The peer has the wrong role'),
	'second-login': _('The user is connected already'),
	'server-certificate': _('The certificate of the server is not accepted'),
	'server-full': _('The server has its most sessions'),
	'server-not-authentic': _('The server cannot prove that it knows the password'),
	'sim-locked': _('The SIM card is locked'),
	'stopped': _('Stopped'),
	'superseded': _('The peer started anew'),
	'tie': _('Both sides opened a tunnel with the same tie breaker'),
	'timeout': _('Nothing happened for too long'),
	'tls-failed': _('The TLS handshake failed'),
	'tunnel-auth': _('The L2TP tunnel secrets differ'),
	'unknown-mandatory': _('The peer insists on something unknown'),
	'unknown-message': _('The peer insists on an unknown message'),
	'unknown-user': _('There is no such user'),
	'unreadable': _('The peer sent something unreadable'),
	'user-changed': _('The configuration of the user changed'),
	'version': _('The peer speaks another version of L2TP'),
	'voice': _('A person or a fax answered, no modem')
};
for (const code in ERRORS) {
	network.registerErrorCode(code, ERRORS[code]);
	network.registerErrorCode(code.toUpperCase().replace(/-/g, '_'), ERRORS[code]);
}

/* What both protocols have in common. */
function protocol(title, prefix, list, tabs) {
	return {
		getI18n: function() {
			return title;
		},

		getIfname: function() {
			return this._ubus('l3_device') || this.get('pppname') || prefix + this.sid;
		},

		getPackageName: function() {
			return 'l2tpsec';
		},

		isFloating: function() {
			return true;
		},

		isVirtual: function() {
			return true;
		},

		getDevices: function() {
			return null;
		},

		/* LuCI's own would name the device after the protocol. */
		getDevice: function() {
			return network.instantiateDevice(this.getIfname(), this);
		},

		containsDevice: function(ifname) {
			return (network.getIfnameOf(ifname) == this.getIfname());
		},

		/* Which option is not valid, or would help, in the daemon's own words: none of the peer's are among these. */
		getErrors: function() {
			const all = this._ubus('errors');
			const told = { INVALID_CONFIG: _('An option is not valid'), NO_COMMON_AUTH: ERRORS['no-common-auth'] };
			const bad = Array.isArray(all) ? all.find((e) => e && told[e.code] && Array.isArray(e.data) && e.data.length) : null;
			return bad ? [ '%s: %s'.format(told[bad.code], bad.data[0]) ] : this.super('getErrors', []);
		},

		renderFormOptions: function(s) {
			/* The dialog is drawn again after the protocol changes: the tabs may be there already. */
			for (const [ name, title, help ] of tabs) {
				try {
					s.tab(name, title, help);
				}
				catch (e) {}
			}

			/* LuCI's dialog has its own of these. */
			forms.add(s, list.filter((o) => ![ 'auto', 'defaultroute', 'metric' ].includes(o.name)), true);
		}
	};
}

const NAS = protocol(_('Modem or null-modem cable (PPP)'), 'nas-', options.SECTIONS.nasdial, [
	[ 'dialling', _('Dialling') ], [ 'modem', _('Modem') ], [ 'ppp', _('PPP') ],
	[ 'routing', _('Routing'), _('Default route and metric are under Advanced Settings.') ], [ 'answer', _('Answering') ]
]);

network.registerProtocol('nasdial', NAS);

return network.registerProtocol('l2tpsec', protocol(_('L2TP over IPsec'), 'l2tps-', options.SECTIONS.interface, [
	[ 'ipsec', _('IPsec') ], [ 'l2tp', _('L2TP') ], [ 'ppp', _('PPP') ],
	[ 'routing', _('Routing'), _('Default route and metric are under Advanced Settings. With metric 0 a default route is set as two halves, so that it comes before that of wan and leaves it in place; with another metric the lower one wins.') ]
]));
