'use strict';
'require network';
'require l2tpsec.errors as errors';
'require l2tpsec.forms as forms';
'require l2tpsec.options as options';

network.registerPatternVirtual(/^(l2tps|nas)-.+$/);

/* The handler notifies the daemon's failure codes as they are or in capitals. */
for (const code in errors.ERRORS) {
	network.registerErrorCode(code, errors.ERRORS[code]);
	network.registerErrorCode(code.toUpperCase().replace(/-/g, '_'), errors.ERRORS[code]);
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
			const told = { INVALID_CONFIG: _('An option is not valid'), NO_COMMON_AUTH: errors.ERRORS['no-common-auth'] };
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
