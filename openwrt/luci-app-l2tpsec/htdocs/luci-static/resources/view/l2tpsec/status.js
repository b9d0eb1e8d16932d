'use strict';
'require view';
'require poll';
'require rpc';
'require ui';
'require uci';
'require fs';
'require l2tpsec.capture as capture';
'require l2tpsec.draw as draw';
'require l2tpsec.errors as errors';
'require l2tpsec.firewall as firewall';
'require l2tpsec.page as page';
'require l2tpsec.peer as peer';
'require l2tpsec.report as report';
'require l2tpsec.words as words';

const callStatus = rpc.declare({ object: 'l2tpsec', method: 'status', params: [ 'count' ], expect: { '': {} } });
const callUp = rpc.declare({ object: 'l2tpsec', method: 'up', params: [ 'name' ] });
const callDown = rpc.declare({ object: 'l2tpsec', method: 'down', params: [ 'name' ] });
const callDoctor = rpc.declare({ object: 'l2tpsec', method: 'doctor', params: [ 'name' ] });

const SECONDS = 3;
/* The firewall changes seldom, and its ruleset is long. */
const FIREWALL_SECONDS = 30;
const LINES = 200, SHOWN = 20;

return view.extend({
	handleSaveApply: null,
	handleSave: null,
	handleReset: null,

	load: function() {
		return Promise.all([
			this.fetch(),
			firewall.load(),
			L.resolveDefault(uci.load([ 'network', 'l2tpsec' ]), null)
		]);
	},

	fetch: function() {
		return Promise.all([
			L.resolveDefault(callStatus(0), null),
			L.resolveDefault(fs.exec_direct('/sbin/logread', [ '-e', 'l2tpsec' ]), '')
		]);
	},

	note: function(name, s) {
		const list = this.history[name] || (this.history[name] = []);
		list.push({ at: Date.now(), rx: Number(s.rx_bytes), tx: Number(s.tx_bytes) });
		if (list.length > draw.SAMPLES)
			list.shift();
	},

	act: function(call, name) {
		return call(name).then(page.refused).then(() => this.refresh())
			.catch((e) => ui.addNotification(null, E('p', {}, [ '%s: %s'.format(name, e.message) ]), 'danger'));
	},

	doctor: function(name, s) {
		const title = _('Trying the link %s, layer by layer …').format(name);
		let open = true;
		const show = (stages, running) => open && page.dialog(_('Doctor'), [
			draw.drawLadder(stages.map((x) => ({ name: x.name, title: x.name === 'error' ? '' : String(x.name).toUpperCase(), state: draw.COLOURS[x.state] ? x.state : 'idle', text: x.text }))
				.concat(running ? [] : firewall.findings(name, s, this.wall).map((f) => ({ name: 'firewall', title: _('Firewall'), state: 'failed', text: f.text })))),
			running ? E('p', { 'class': 'spinning' }, [ title ]) : ''
		], stages.filter((x) => x.advice && !running).map((x) => this.drawAdvice(name, x.advice)), '%s %s'.format(name, _('Doctor')), () => { open = false; });
		/* The daemon answers before the page gives up, and goes on. */
		const ask = () => callDoctor(name).then(page.refused).then((r) => {
			const stages = r && Array.isArray(r.stages) ? r.stages : [];
			if (!r || !r.running)
				return stages.length ? stages : callStatus(0).then((all) => ((all || {})[name] || {}).stages || []);
			show(stages, true);
			return open ? ask() : stages;
		});
		ui.showModal(_('Doctor'), [ E('p', { 'class': 'spinning' }, [ title ]) ]);
		return ask().catch((e) => [ { name: 'error', state: 'failed', text: e.message } ]).then((stages) => show(stages, false));
	},

	/* Writes what doctor found that the server takes. */
	drawAdvice: function(name, a) {
		const write = () => {
			uci.set('network', name, a.option, a.value);
			return page.saved(_('Written to the configuration of %s').format(name), firewall.text([ [ 'interface', { [a.option]: a.value }, name ] ]));
		};
		return E('button', { 'class': 'btn cbi-button l2tpsec-advice ' + (a.weak ? 'cbi-button-negative' : 'cbi-button-apply'), 'click': ui.createHandlerFn(this, write) }, [ _('Write %s = %s').format(a.option, a.value) ]);
	},

	/* The serial line that a tunnel runs on, under its own ladder. */
	drawUnder: function(s, all) {
		const line = s.via ? Object.keys(all).find((n) => all[n].kind === 'nas' && all[n].ifname === s.via) : null;
		return line ? [ E('div', { 'class': 'l2tpsec-under', 'data-under': line }, [ E('p', {}, [ _('over %s: %s').format(line, words.state(all[line])) ]), draw.drawLadder(draw.ladder(all[line])) ]) ] : [];
	},

	/* Whose backup it is and what it waits for; why it is not up: what failed, or that nobody wants it. */
	drawReason: function(s) {
		const turn = s.backup ? [ E('p', { 'class': 'l2tpsec-backup' }, [ s.backup.text ]) ] : [];
		if (s.error)
			return turn.concat([ E('p', { 'class': 'l2tpsec-error' }, [ s.error.text + (s.retry_in != null ? ' ' + N_(s.retry_in, '(next attempt in %d second)', '(next attempt in %d seconds)').format(s.retry_in) : '') ]) ]);
		return s.stopped ? [ E('p', { 'class': 'l2tpsec-reason' }, [ s.stopped ]) ] : turn;
	},

	drawTraffic: function(name, s) {
		const drops = Object.keys(s.drops || {}).filter((k) => s.drops[k] > 0);
		return [
			draw.drawChart(this.history[name]),
			E('div', { 'class': 'l2tpsec-legend' }, [ _('Total: %s received, %s sent').format(draw.bytes(Number(s.rx_bytes)), draw.bytes(Number(s.tx_bytes))) ]),
			E('div', { 'class': 'l2tpsec-drops' }, [ drops.length ? _('Dropped: %s').format(drops.map((k) => '%s %d'.format(k, s.drops[k])).join(', ')) : _('Nothing was dropped.') ])
		];
	},

	drawButtons: function(name, s, findings) {
		const button = (label, style, run) => E('button', { 'class': 'btn cbi-button ' + style, 'data-name': name, 'data-key': name + ' ' + label, 'click': ui.createHandlerFn(this, run) }, [ label ]);
		const server = s.kind === 'server' || s.section === 'server';
		const edit = E('a', { 'class': 'btn cbi-button l2tpsec-edit', 'data-key': name + ' edit', 'href': server ? L.url('admin/vpn/l2tpsec/server') : L.url('admin/network/network') }, [ _('Edit') ]);
		return E('div', { 'class': 'l2tpsec-buttons' }, (server || s.section ? [] : [
			button(_('Up'), 'cbi-button-positive', () => this.act(callUp, name)),
			button(_('Down'), 'cbi-button-negative', () => this.act(callDown, name))
		]).concat(s.kind === 'disabled' || server ? [] : [
			button(_('Doctor'), 'cbi-button-neutral', () => this.doctor(name, s))
		], s.section ? [] : [
			button(_('Capture'), 'cbi-button-neutral l2tpsec-capture', () => capture.ask(name, '%s %s'.format(name, _('Capture'))))
		], s.kind === 'client' ? [ peer.button('interface', name, () => this.wall.interfaces, name + ' peer') ] : [], [
			edit,
			button(_('Copy a report'), 'cbi-button-neutral l2tpsec-copy', () => report.copy(report.text(name, s, this.lines, findings), '%s %s'.format(name, _('Copy a report'))))
		]));
	},

	drawLink: function(name, s, all) {
		const findings = firewall.findings(name, s, this.wall);
		const since = s.since ? [ E('p', {}, [ _('since %s').format(new Date(s.since).toLocaleString()) ]) ] : [];
		const body = s.section ? [] : (s.kind === 'server'
			? [ E('p', {}, [ this.counted(s) ]) ]
			: [ draw.drawLadder(draw.ladder(s)) ].concat(this.drawUnder(s, all)));
		return E('div', { 'class': 'cbi-section', 'data-link': name }, [
			E('h3', {}, [ '%s: %s'.format(name, words.state(s)) ])
		].concat(since, this.drawReason(s), firewall.draw(name, findings), body, s.section ? [] : this.drawTraffic(name, s), [ this.drawButtons(name, s, findings) ]));
	},

	counted: function(s) {
		const n = s.sessions.length + (s.sessions_left_out || 0);
		return [ _('Server on %s').format(s.listen), N_(n, '%d session', '%d sessions').format(n), N_(s.peers, '%d peer', '%d peers').format(s.peers) ].concat(s.dataplane_why || []).join(', ');
	},

	draw: function([ all, log ]) {
		this.lines = String(log || '').trim().split('\n').filter((x) => x !== '').slice(-LINES).map(report.logLine);
		const names = Object.keys(all || {}).sort();
		for (const name of names)
			if (!all[name].section)
				this.note(name, all[name]);
		draw.redraw(this.links, all === null ? [ E('p', { 'class': 'alert-message warning' }, [ _('The daemon l2tpsec does not answer on the bus: is it running?') ]) ]
			: names.length ? names.map((n) => this.drawLink(n, all[n], all))
			: [ E('p', {}, [ _('No link is configured. Add an interface of protocol "L2TP over IPsec" under Network.') ]) ]);
		const last = this.lines.slice(-SHOWN).reverse();
		draw.redraw(this.events, last.length ? [ E('pre', { 'class': 'l2tpsec-log' }, [ last.join('\n') ]) ] : [ E('p', {}, [ _('Nothing happened yet.') ]) ]);
	},

	refresh: function() {
		return this.fetch().then((data) => this.draw(data));
	},

	render: function([ data, wall ]) {
		this.history = {};
		this.wall = wall;
		this.links = E('div', {});
		this.events = E('div', {});
		this.draw(data);
		poll.add(() => this.refresh(), SECONDS);
		poll.add(() => firewall.load().then((now) => { this.wall = now; }), FIREWALL_SECONDS);
		return E('div', {}, [
			E('style', {}, [ draw.CSS ]),
			E('h2', {}, [ _('L2TP over IPsec') ]),
			this.links,
			E('div', { 'class': 'l2tpsec-buttons' }, [ page.button(_('Import a link'), 'cbi-button-add l2tpsec-import', () => peer.receive('import'), { 'data-key': 'import' }) ]),
			E('div', { 'class': 'cbi-section' }, [ E('h3', {}, [ _('Last events') ]), this.events ])
		]);
	}
});
