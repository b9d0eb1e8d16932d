'use strict';
'require network';
'require l2tpsec.errors as errors';
'require l2tpsec.forms as forms';
'require l2tpsec.options as options';
'require l2tpsec.words as words';
'require form';
'require rpc';
'require ui';
'require uci';

network.registerPatternVirtual(/^(l2tps|nas)-.+$/);

/* The handler notifies the daemon's failure codes as they are or in capitals. */
for (const code in errors.ERRORS) {
	network.registerErrorCode(code, errors.ERRORS[code]);
	network.registerErrorCode(code.toUpperCase().replace(/-/g, '_'), errors.ERRORS[code]);
}

/* The daemon says each step of a first attempt as if it were an error: netifd keeps the last one, until the link is up. */
const STEP = 'CONNECTING';

/* In words, while it connects and nothing has failed yet; else null. */
function connecting(net) {
	if (net._ubus('up') || !net._ubus('pending'))
		return null;
	const all = net._ubus('errors');
	if (!Array.isArray(all) || all.length === 0)
		return words.step('dialing');
	const last = all[all.length - 1];
	return last.code === STEP && Array.isArray(last.data) ? words.step(last.data[0]) : null;
}

/* LuCI's dialog has a flag of its own for the default route, among the advanced settings. Ours is the same choice in words,
   where everybody looks; LuCI's flag writes it, and each follows the other. */
function traffic(s, o) {
	const w = s.taboption('general', form.ListValue, '_traffic', o.title, o.help);
	for (const x in o.labels)
		w.value(x, o.labels[x]);
	w.widget = 'radio';
	w.orientation = 'vertical';
	w.ucioption = 'defaultroute';
	w.default = '1'; /* netifd's */
	w.retain = true;
	if (o.depends)
		w.depends(o.depends);
	w.write = w.remove = function(section_id, value) {
		if (!s.getOption('defaultroute') && value != null && value !== (this.cfgvalue(section_id) || '1'))
			return form.ListValue.prototype.write.apply(this, arguments);
	};
	const follow = (of, to) => {
		const before = of.onchange;
		of.onchange = function(ev, section_id, value) {
			const field = to.getUIElement(section_id);
			if (field && field.getValue() !== value)
				field.setValue(value);
			return before ? before.apply(this, arguments) : undefined;
		};
	};
	w.renderWidget = function() {
		const flag = s.getOption('defaultroute');
		if (flag) {
			follow(w, flag);
			follow(flag, w);
		}
		return form.ListValue.prototype.renderWidget.apply(this, arguments);
	};
}

const callChanges = rpc.declare({ object: 'uci', method: 'changes', params: [ 'config' ], expect: { changes: [] } });
const callRevert = rpc.declare({ object: 'uci', method: 'revert', params: [ 'config' ], reject: true });

/* Before LuCI opens the dialog of a new interface, rpcd has been told of it. Who dismisses the dialog takes that back too:
   wholly when nothing else of the network waits to be applied, else as one more change. */
function forget(name) {
	return callChanges('network').then((all) => {
		if (!all.every((change) => change[1] === name)) {
			uci.remove('network', name);
			return uci.save();
		}
		uci.unload('network');
		return callRevert('network').then(() => uci.load('network'));
	}).then(() => ui.changes.init());
}

function dismissed(s) {
	const parent = s.map && s.map.parent;
	const grid = ((parent || {}).children || []).find((c) => c.addedSection === s.section);
	if (!grid || Object.hasOwn(grid, 'l2tpsecForgets'))
		return;
	const cancel = grid.handleModalCancel;
	grid.l2tpsecForgets = true;
	grid.handleModalCancel = function(modal, ev, saving) {
		const added = this.addedSection;
		return Promise.resolve(cancel.apply(this, arguments)).then((done) => {
			if (!added || saving)
				return done;
			this.addedSection = null;
			return forget(added).then(() => done);
		});
	};
}

/* What both protocols have in common. */
function protocol(title, prefix, list) {
	return {
		getI18n: function() {
			const step = connecting(this);
			return step ? '%s: %s'.format(title, step) : title;
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
			const got = this._ubus('errors');
			const all = Array.isArray(got) ? got.filter((e) => e) : [];
			if (all.some((e) => e.code === STEP))
				return null;
			const told = { INVALID_CONFIG: _('An option is not valid'), NO_COMMON_AUTH: errors.ERRORS['no-common-auth'] };
			const bad = all.find((e) => told[e.code] && Array.isArray(e.data) && e.data.length);
			return bad ? [ '%s: %s'.format(told[bad.code], bad.data[0]) ] : this.super('getErrors', []);
		},

		renderFormOptions: function(s) {
			/* The dialog is drawn again after the protocol changes: the tabs may be there already. */
			for (const [ name, title, help ] of [ [ 'security', _('Security') ], [ 'expert', _('Expert'), _('For peers that need it. Hardly anybody changes these.') ] ]) {
				try {
					s.tab(name, title, help);
				}
				catch (e) {}
			}

			dismissed(s);

			/* LuCI's dialog has its own of these. */
			const own = [ 'auto', 'defaultroute', 'metric' ];
			const front = list.findIndex((o) => o.name === 'defaultroute');
			/* What depends on the default route depends on our choice, which stands for it. */
			const rename = (o) => o.depends && o.depends.defaultroute ? Object.assign({}, o, { depends: { _traffic: o.depends.defaultroute } }) : o;
			const ours = (part) => part.filter((o) => !own.includes(o.name)).map(rename);
			forms.add(s, ours(list.slice(0, front)), true);
			traffic(s, list[front]);
			forms.add(s, ours(list.slice(front)), true);
		}
	};
}

network.registerProtocol('nasdial', protocol(_('Modem or null-modem cable (PPP)'), 'nas-', options.SECTIONS.nasdial));

return network.registerProtocol('l2tpsec', protocol(_('L2TP over IPsec'), 'l2tps-', options.SECTIONS.interface));
