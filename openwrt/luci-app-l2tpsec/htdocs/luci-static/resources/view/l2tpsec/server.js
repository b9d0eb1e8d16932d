'use strict';
'require view';
'require form';
'require poll';
'require rpc';
'require ui';
'require dom';
'require l2tpsec.forms as forms';
'require l2tpsec.options as options';

const callStatus = rpc.declare({ object: 'l2tpsec', method: 'status', params: [ 'from', 'count' ], expect: { '': {} } });
const PAGE = 100; /* sessions at a time: there may be thousands */
const callDisconnect = rpc.declare({ object: 'l2tpsec', method: 'disconnect', params: [ 'session' ] });

return view.extend({
	from: 0,

	load: function() {
		return L.resolveDefault(callStatus(this.from, PAGE), null);
	},

	turn: function(to) {
		this.from = to;
		return this.refresh();
	},

	/* Nothing while one page holds all. */
	pages: function(total) {
		if (this.from === 0 && total <= PAGE)
			return [];
		const button = (text, to, on) => E('button', { 'class': 'btn cbi-button', 'disabled': on ? null : true, 'click': ui.createHandlerFn(this, () => this.turn(to)) }, [ text ]);
		return [ E('p', {}, [
			button(_('Previous'), Math.max(0, this.from - PAGE), this.from > 0), ' ',
			_('Sessions %d to %d of %d').format(Math.min(this.from + 1, total), Math.min(this.from + PAGE, total), total), ' ',
			button(_('Next'), this.from + PAGE, this.from + PAGE < total)
		]) ];
	},

	/* Users and addresses come from peers: as children in arrays, which become text nodes. */
	draw: function(all) {
		const rows = [];
		let total = 0;
		for (const s of Object.values(all || {}))
			total += (s.sessions || []).length + (s.sessions_left_out || 0);
		for (const name of Object.keys(all || {}).sort())
			for (const s of all[name].sessions || [])
				rows.push(E('tr', { 'class': 'tr', 'data-session': s.session }, [
					[ _('Server'), name ], [ _('User'), s.user ], [ _('Address'), s.ip ], [ _('Peer'), s.peer ], [ _('Since'), new Date(s.since).toLocaleString() ],
					[ _('Received / sent'), '%1024mB / %1024mB'.format(s.rx_bytes, s.tx_bytes) ]
				].map(([ title, value ]) => E('td', { 'class': 'td', 'data-title': title }, [ String(value) ])).concat([
					E('td', { 'class': 'td cbi-section-actions' }, [
						E('button', { 'class': 'btn cbi-button-negative', 'click': ui.createHandlerFn(this, () => this.disconnect(s)) }, [ _('Disconnect') ])
					])
				])));
		const titles = [ _('Server'), _('User'), _('Address'), _('Peer'), _('Since'), _('Received / sent'), '' ];
		dom.content(this.sessions, rows.length
			? [ ...this.pages(total), E('table', { 'class': 'table' }, [ E('tr', { 'class': 'tr table-titles' }, titles.map((t) => E('th', { 'class': 'th' }, [ t ]))) ].concat(rows)) ]
			: [ ...this.pages(total), E('p', {}, [ all === null ? _('The daemon l2tpsec does not answer on the bus: is it running?') : _('Nobody is connected.') ]) ]);
	},

	/* The texts hold what peers chose as well. */
	drawFailures: function(all) {
		const rows = [];
		for (const name of Object.keys(all || {}).sort())
			for (const f of all[name].failures || [])
				rows.push(E('tr', { 'class': 'tr', 'data-peer': f.peer }, [
					[ _('Server'), name ], [ _('Peer'), f.peer ], [ _('Last time'), new Date(f.at).toLocaleString() ], [ _('Count'), f.count ],
					[ _('Why'), f.layer + ' ' + f.code + ': ' + f.text ]
				].map(([ title, value ]) => E('td', { 'class': 'td', 'data-title': title }, [ String(value) ]))));
		const titles = [ _('Server'), _('Peer'), _('Last time'), _('Count'), _('Why') ];
		dom.content(this.failures, rows.length
			? [ E('table', { 'class': 'table' }, [ E('tr', { 'class': 'tr table-titles' }, titles.map((t) => E('th', { 'class': 'th' }, [ t ]))) ].concat(rows)) ]
			: [ E('p', {}, [ _('No caller has failed.') ]) ]);
	},

	refresh: function() {
		return this.load().then((all) => { this.draw(all); this.drawFailures(all); });
	},

	disconnect: function(s) {
		return callDisconnect(s.session).then(() => this.refresh())
			.catch((e) => ui.addNotification(null, E('p', {}, [ e.message ]), 'danger'));
	},

	render: function(all) {
		this.sessions = E('div', { 'style': 'overflow-x:auto' });
		this.failures = E('div', { 'style': 'overflow-x:auto' });
		this.draw(all);
		this.drawFailures(all);
		poll.add(() => this.refresh(), 5);

		const m = new form.Map('l2tpsec', _('Settings'),
			_('Servers that clients call, and their users. The firewall must let in UDP 500, UDP 4500 and ESP.'));

		let s = m.section(form.TypedSection, 'server', _('Servers'));
		s.addremove = true;
		s.anonymous = false;
		for (const [ name, title ] of [ [ 'general', _('General') ], [ 'security', _('Security') ], [ 'advanced', _('Advanced') ], [ 'expert', _('Expert') ] ])
			s.tab(name, title);
		forms.add(s, options.SECTIONS.server, true, true);

		s = m.section(form.TypedSection, 'user', _('Users'), _('The name of a section is the name of the user, unless the option User name gives another, such as a@b.'));
		s.addremove = true;
		s.anonymous = false;
		forms.add(s, options.SECTIONS.user, false, true);

		s = m.section(form.NamedSection, 'daemon', 'daemon', _('Daemon'));
		s.addremove = true;
		forms.add(s, options.SECTIONS.daemon, false);

		return m.render().then((node) => E('div', {}, [ E('h2', {}, [ _('L2TP over IPsec: server') ]), E('div', { 'class': 'cbi-section' }, [ E('h3', {}, [ _('Connected sessions') ]), this.sessions ]),
			E('div', { 'class': 'cbi-section' }, [ E('h3', {}, [ _('Failed callers') ]), this.failures ]), node ]));
	}
});
