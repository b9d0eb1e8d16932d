'use strict';
'require view';
'require form';
'require poll';
'require rpc';
'require ui';
'require dom';
'require l2tpsec.options as options';

const callStatus = rpc.declare({ object: 'l2tpsec', method: 'status', expect: { '': {} } });
const callDisconnect = rpc.declare({ object: 'l2tpsec', method: 'disconnect', params: [ 'session' ] });

return view.extend({
	load: function() {
		return L.resolveDefault(callStatus(), null);
	},

	/* Users and addresses come from peers: as children in arrays, which become text nodes. */
	draw: function(all) {
		const rows = [];
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
			? [ E('table', { 'class': 'table' }, [ E('tr', { 'class': 'tr table-titles' }, titles.map((t) => E('th', { 'class': 'th' }, [ t ]))) ].concat(rows)) ]
			: [ E('p', {}, [ all === null ? _('The daemon l2tpsec does not answer on the bus: is it running?') : _('Nobody is connected.') ]) ]);
	},

	refresh: function() {
		return this.load().then((all) => this.draw(all));
	},

	disconnect: function(s) {
		return callDisconnect(s.session).then(() => this.refresh())
			.catch((e) => ui.addNotification(null, E('p', {}, [ e.message ]), 'danger'));
	},

	render: function(all) {
		this.sessions = E('div', { 'style': 'overflow-x:auto' });
		this.draw(all);
		poll.add(() => this.refresh(), 5);

		const m = new form.Map('l2tpsec', _('Settings'),
			_('Servers that clients call, and their users. The firewall must let in UDP 500, UDP 4500 and ESP.'));

		let s = m.section(form.TypedSection, 'server', _('Servers'));
		s.addremove = true;
		s.anonymous = false;
		for (const [ name, title ] of [ [ 'general', _('General') ], [ 'ipsec', _('IPsec') ], [ 'l2tp', _('L2TP') ], [ 'ppp', _('PPP') ], [ 'routing', _('Routing') ] ])
			s.tab(name, title);
		options.add(s, options.SECTIONS.server, true);

		s = m.section(form.TypedSection, 'user', _('Users'), _('The name of a section is the name of the user, unless the user name says another one: a@b, say.'));
		s.addremove = true;
		s.anonymous = false;
		options.add(s, options.SECTIONS.user, false);

		s = m.section(form.NamedSection, 'daemon', 'daemon', _('Daemon'));
		s.addremove = true;
		options.add(s, options.SECTIONS.daemon, false);

		return m.render().then((node) => E('div', {}, [ E('h2', {}, [ _('L2TP over IPsec: server') ]), E('div', { 'class': 'cbi-section' }, [ E('h3', {}, [ _('Connected sessions') ]), this.sessions ]), node ]));
	}
});
