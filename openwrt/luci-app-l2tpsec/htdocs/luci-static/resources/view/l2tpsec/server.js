'use strict';
'require view';
'require form';
'require poll';
'require rpc';
'require ui';
'require uci';
'require l2tpsec.draw as draw';
'require l2tpsec.firewall as firewall';
'require l2tpsec.forms as forms';
'require l2tpsec.options as options';
'require l2tpsec.peer as peer';
'require l2tpsec.radius as radius';
'require l2tpsec.wizard as wizard';

const callStatus = rpc.declare({ object: 'l2tpsec', method: 'status', params: [ 'from', 'count' ], expect: { '': {} } });
const PAGE = 100; /* sessions at a time: there may be thousands */
const callDisconnect = rpc.declare({ object: 'l2tpsec', method: 'disconnect', params: [ 'session' ] });
const SECONDS = 5;

const TABS = [ [ 'general', _('General') ], [ 'security', _('Security') ], [ 'advanced', _('Advanced') ], [ 'expert', _('Expert') ] ];

/* Rows of [ title, value ] as a table; values come from peers: as children in arrays, which become text nodes. */
function table(rows) {
	return E('table', { 'class': 'table' }, [
		E('tr', { 'class': 'tr table-titles' }, rows[0].cells.map(([ title ]) => E('th', { 'class': 'th' }, [ title ])))
	].concat(rows.map((r) => E('tr', Object.assign({ 'class': 'tr' }, r.data), r.cells.map(([ title, value ]) =>
		E('td', value instanceof Node ? { 'class': 'td cbi-section-actions' } : { 'class': 'td', 'data-title': title }, [ value instanceof Node ? value : String(value) ]))))));
}

/* A section of the map whose entries are a table, with a dialog for each. `begin`: what a new one has. */
function grid(m, type, title, help, stem, columns, begin) {
	const s = m.section(form.GridSection, type, title, help);
	s.addremove = true;
	s.anonymous = false;
	s.nodescriptions = true;
	s.modaltitle = (id) => '%s » %s'.format(title, id);
	for (const [ name, words ] of TABS)
		s.tab(name, words);
	for (const [ name, words, value ] of columns) {
		const o = s.option(form.DummyValue, '_' + name, words);
		o.modalonly = false;
		o.textvalue = (id) => [].concat(value(id) || '').join(' ') || '–';
	}
	forms.add(s, options.SECTIONS[type], true, true);
	for (const o of s.children)
		o.modalonly = o.modalonly !== false;
	s.handleAdd = function(ev, name) {
		return begin().then((values) => {
			const id = uci.add('l2tpsec', type, name);
			for (const k in values)
				uci.set('l2tpsec', id, k, values[k]);
			this.map.addedSection = id;
			return this.renderMoreOptionsModal(id);
		});
	};
	s.renderSectionAdd = function() {
		const node = form.GridSection.prototype.renderSectionAdd.apply(this, arguments);
		const field = node.querySelector('input');
		if (field) {
			field.value = wizard.freeName(stem);
			field.setAttribute('aria-label', _('Name'));
			node.querySelector('button').disabled = false;
		}
		return node;
	};
	return s;
}

return view.extend({
	from: 0,

	load: function() {
		return Promise.all([ this.fetch(), firewall.load(), L.resolveDefault(uci.load([ 'l2tpsec', 'network' ]), null) ]);
	},

	fetch: function() {
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
		const button = (text, to, on) => E('button', { 'class': 'btn cbi-button', 'data-key': text, 'disabled': on ? null : true, 'click': ui.createHandlerFn(this, () => this.turn(to)) }, [ text ]);
		return [ E('p', {}, [
			button(_('Previous'), Math.max(0, this.from - PAGE), this.from > 0), ' ',
			_('Sessions %d to %d of %d').format(Math.min(this.from + 1, total), Math.min(this.from + PAGE, total), total), ' ',
			button(_('Next'), this.from + PAGE, this.from + PAGE < total)
		]) ];
	},

	/* Bytes a second since the page last asked. */
	rate: function(s) {
		const list = this.seen[s.session] || [];
		const now = { at: Date.now(), rx: Number(s.rx_bytes), tx: Number(s.tx_bytes) };
		this.now[s.session] = list.slice(-1).concat(now);
		const [ r ] = draw.rates(this.now[s.session]);
		return r ? _('%s/s in, %s/s out').format(draw.bytes(r.rx), draw.bytes(r.tx)) : '–';
	},

	draw: function(all) {
		const rows = [];
		let total = 0;
		this.now = {};
		for (const s of Object.values(all || {}))
			total += (s.sessions || []).length + (s.sessions_left_out || 0);
		for (const name of Object.keys(all || {}).sort())
			for (const s of all[name].sessions || [])
				rows.push({ data: { 'data-session': s.session }, cells: [
					[ _('Server'), name ], [ _('User'), s.user ], [ _('Address'), [ s.ip, s.ipv6_prefix, s.ipv6_delegated_prefix, s.ifname ].filter((x) => x).join(' · ') ], [ _('Peer'), s.peer ], [ _('Since'), new Date(s.since).toLocaleString() ],
					[ _('Received / sent'), '%s / %s'.format(draw.bytes(Number(s.rx_bytes)), draw.bytes(Number(s.tx_bytes))) ], [ _('Rate'), this.rate(s) ],
					[ '', E('button', { 'class': 'btn cbi-button-negative', 'data-key': 'disconnect ' + s.session, 'click': ui.createHandlerFn(this, () => this.disconnect(s)) }, [ _('Disconnect') ]) ]
				] });
		this.seen = this.now;
		draw.redraw(this.sessions, [ ...this.pages(total), rows.length ? table(rows)
			: E('p', {}, [ all === null ? _('The daemon l2tpsec does not answer on the bus: is it running?') : _('Nobody is connected.') ]) ]);
	},

	/* The texts hold what peers chose as well. */
	drawFailures: function(all) {
		const rows = [];
		for (const name of Object.keys(all || {}).sort())
			for (const f of all[name].failures || [])
				rows.push({ data: { 'data-peer': f.peer }, cells: [
					[ _('Server'), name ], [ _('Peer'), f.peer ], [ _('Last time'), new Date(f.at).toLocaleString() ], [ _('Count'), f.count ],
					[ _('Why'), f.layer + ' ' + f.code + ': ' + f.text ]
				] });
		draw.redraw(this.failures, [ rows.length ? table(rows) : E('p', {}, [ _('No caller has failed.') ]) ]);
	},

	/* What keeps callers out: the firewall, or a fault of the section. */
	drawHindrances: function(all) {
		const servers = Object.keys(all || {}).filter((n) => all[n].kind === 'server' || all[n].section === 'server').sort();
		draw.redraw(this.hindrances, servers.flatMap((name) => all[name].section
			? [ E('p', { 'class': 'alert-message danger', 'data-fault': name }, [ '%s: %s'.format(name, (all[name].error || {}).text) ]) ]
			: firewall.draw(name, firewall.findings(name, all[name], this.wall))));
	},

	refresh: function() {
		return this.fetch().then((all) => this.drawAll(all));
	},

	drawAll: function(all) {
		this.draw(all);
		this.drawFailures(all);
		this.drawHindrances(all);
	},

	disconnect: function(s) {
		return callDisconnect(s.session).then(() => this.refresh())
			.catch((e) => ui.addNotification(null, E('p', {}, [ e.message ]), 'danger'));
	},

	render: function([ all, wall ]) {
		this.wall = wall;
		this.seen = {};
		this.hindrances = E('div', {});
		this.sessions = E('div', { 'style': 'overflow-x:auto' });
		this.failures = E('div', { 'style': 'overflow-x:auto' });
		this.drawAll(all);
		poll.add(() => this.refresh(), SECONDS);

		const m = new form.Map('l2tpsec', _('Settings'), _('Servers that clients call, and their users.'));
		const of = (option) => (id) => uci.get('l2tpsec', id, option);
		grid(m, 'server', _('Servers'), null, 'lns', [ [ 'local_ip', _('Local IP address'), of('local_ip') ], [ 'pool', _('Address pool'), of('pool') ] ],
			() => Promise.resolve(wizard.server(wall.interfaces)));
		grid(m, 'user', _('Users'), _('The name of a section is the name of the user, unless the option User name gives another, such as a@b.'), 'user', [
			[ 'username', _('User name'), (id) => uci.get('l2tpsec', id, 'username') || id ], [ 'ip', _('Fixed address'), of('ip') ],
			[ 'routes', _('Networks behind the peer'), of('routes') ], [ 'server', _('Server'), (id) => uci.get('l2tpsec', id, 'server') || _('every server') ]
		], () => Promise.resolve(wizard.user())).renderRowActions = function(id) {
			const node = form.GridSection.prototype.renderRowActions.apply(this, arguments);
			node.firstElementChild.prepend(peer.button('user', id, () => wall.interfaces, 'peer ' + id), ' ');
			return node;
		};

		grid(m, 'radius', _('RADIUS servers'), _('They know users, for servers whose option Where users are says so.'), 'radius', [ [ 'address', _('Address'), of('address') ] ],
			() => Promise.resolve({})).renderRowActions = function(id) {
			const node = form.GridSection.prototype.renderRowActions.apply(this, arguments);
			node.firstElementChild.prepend(radius.button(id, 'radius ' + id), ' ');
			return node;
		};

		const s = m.section(form.NamedSection, 'daemon', 'daemon', _('Daemon'));
		s.addremove = true;
		for (const [ name, title ] of TABS)
			if (options.SECTIONS.daemon.some((o) => o.tab === name))
				s.tab(name, title);
		forms.add(s, options.SECTIONS.daemon, true);

		return m.render().then((node) => E('div', {}, [
			E('style', {}, [ draw.CSS ]),
			E('h2', {}, [ _('L2TP over IPsec: server') ]),
			this.hindrances,
			E('div', { 'class': 'cbi-section' }, [ E('h3', {}, [ _('Connected sessions') ]), this.sessions ]),
			E('div', { 'class': 'cbi-section' }, [ E('h3', {}, [ _('Failed callers') ]), this.failures ]),
			node
		]));
	}
});
