'use strict';
'require baseclass';
'require rpc';
'require uci';
'require l2tpsec.options as options';
'require l2tpsec.page as page';

/* The other side of a tunnel: what to type there, as the daemon writes it; and the way back, a link that somebody sent. */

const callPeer = rpc.declare({ object: 'l2tpsec', method: 'peer_config', params: [ 'name', 'system', 'server', 'address', 'routes' ] });
const callImport = rpc.declare({ object: 'l2tpsec', method: 'import', params: [ 'text' ] });

const SYSTEMS = [ [ 'windows', 'Windows 10, 11' ], [ 'macos', 'macOS' ], [ 'ios', 'iOS, iPadOS' ], [ 'android', 'Android 4–11' ], [ 'mikrotik', 'MikroTik RouterOS' ], [ 'openwrt', 'OpenWrt' ], [ 'networkmanager', 'Linux (NetworkManager)' ] ];
const SERVERS = [ 'openwrt', 'mikrotik' ];
const LONGEST = 200000;

const secrets = new Set(Object.values(options.SECTIONS).flat().filter((o) => o.private || o.grammar.form === 'secret').map((o) => o.uci || o.name));

/* The network of an address of IPv4. */
function network({ address, mask }) {
	const n = address.split('.').reduce((x, part) => x * 256 + Number(part), 0), size = Math.pow(2, 32 - mask);
	const first = n - n % size;
	return [ 24, 16, 8, 0 ].map((s) => Math.floor(first / Math.pow(2, s)) % 256).join('.') + '/' + mask;
}

function addresses(i) {
	return (i && i['ipv4-address'] || []).filter((a) => a.mask > 0 && a.mask < 32);
}

/* As a file of UCI has it, without secrets. */
function shown(sections) {
	return sections.map((s) => [ "config %s '%s'".format(s.type, s.name) ].concat(Object.keys(s.options).flatMap((k) =>
		[].concat(s.options[k]).map((v) => "\t%s %s '%s'".format(Array.isArray(s.options[k]) ? 'list' : 'option', k, secrets.has(k) ? '***' : v)))).join('\n')).join('\n\n');
}

return baseclass.extend({
	/* `kind`: user or interface; `interfaces`: netifd's. */
	ask: function(kind, name, interfaces, opener) {
		const user = kind === 'user';
		const servers = uci.sections('l2tpsec', 'server').map((s) => s['.name']);
		const own = user && uci.get('l2tpsec', name, 'server');
		const login = user && uci.get('l2tpsec', name, 'username') || name;
		const wan = interfaces.find((i) => (i.route || []).some((r) => r.target === '0.0.0.0' && r.mask === 0) && ![ 'l2tpsec', 'nasdial' ].includes(i.proto));
		const listen = () => uci.get('l2tpsec', server.value, 'listen') || ((wan && wan['ipv4-address'] || [])[0] || {}).address || '';
		const system = E('select', { 'class': 'cbi-input-select', 'data-field': 'system' }, SYSTEMS.filter(([ s ]) => user || SERVERS.includes(s)).map(([ s, words ]) => E('option', { 'value': s }, [ words ])));
		const server = E('select', { 'class': 'cbi-input-select', 'data-field': 'server', 'change': () => { address.value = listen(); } }, (own ? [ own ] : servers).map((s) => E('option', { 'value': s }, [ s ])));
		const input = (field, value) => E('input', { 'class': 'cbi-input-text', 'type': 'text', 'data-field': field, 'value': value });
		const address = input('address', user ? listen() : '');
		const routes = input('routes', addresses(interfaces.find((i) => i['interface'] === 'lan')).map(network).join(' '));
		const answer = E('div', { 'class': 'l2tpsec-answer', 'aria-live': 'polite' });
		const show = () => callPeer('%s %s'.format(kind, user ? login : name), system.value, user ? server.value : '', address.value.trim(), routes.value.trim()).then(page.refused).then((r) => {
			const area = page.area(r.text, Math.max(8, Math.min(18, r.text.split('\n').length + 1)), { 'aria-label': _('The other side') });
			answer.replaceChildren(
				E('p', { 'class': 'alert-message warning' }, [ _('This holds the key and the password: give it to nobody else.') ]), area,
				E('div', { 'class': 'l2tpsec-buttons' }, [
					page.button(_('Copy'), 'cbi-button-neutral l2tpsec-copy', () => page.copy(area)), ' ',
					page.button(_('Download %s').format(r.file), 'cbi-button-action l2tpsec-save', () => page.save(r.file, [ r.content ]))
				]));
		}).catch((e) => answer.replaceChildren(page.told(e)));
		page.dialog('%s: %s'.format(_('The other side'), user ? login : name), [
			E('p', {}, [ user ? _('What to type where this user connects from. What was not applied yet is not in it.') : _('What to type at the server that this link calls.') ]),
			page.field(_('System'), system),
			user && !own && servers.length > 1 ? page.field(_('Server'), server) : '',
			user ? page.field(_('Address of this server'), address, _('As the other side reaches it: a name, or an address of the internet.')) : '',
			page.field(_('Networks here'), routes, _('They are routed into the tunnel there. Without any, a client sends everything.')),
			answer
		], [ page.button(_('Show'), 'cbi-button-positive important l2tpsec-show', show) ], opener);
	},

	button: function(kind, name, interfaces, key) {
		return page.button(_('The other side'), 'cbi-button-neutral l2tpsec-peer', () => this.ask(kind, name, interfaces(), key), { 'data-key': key });
	},

	/* A link or more that somebody sent: read by the daemon, shown, and written to the configuration. */
	receive: function(opener) {
		const text = E('textarea', { 'class': 'l2tpsec-given', 'rows': 10, 'spellcheck': 'false', 'style': 'width:100%;font-family:monospace', 'aria-label': _('Text') });
		const file = E('input', { 'type': 'file', 'accept': '.mobileconfig,.txt,.sh,.conf,*/*', 'aria-label': _('File'), 'change': (ev) => {
			const f = ev.target.files[0];
			return f && f.size <= LONGEST ? f.text().then((t) => { text.value = t; }) : null;
		} });
		const answer = E('div', { 'aria-live': 'polite' });
		const add = (sections) => {
			const there = sections.find((s) => s.name !== '' && uci.get(s.type === 'interface' ? 'network' : 'l2tpsec', s.name) != null);
			if (there)
				throw new Error(_('There is a section %s already.').format(there.name));
			for (const s of sections) {
				const config = s.type === 'interface' ? 'network' : 'l2tpsec';
				const id = uci.add(config, s.type, s.name || null);
				for (const k in s.options)
					uci.set(config, id, k, s.options[k]);
			}
			return page.saved(_('Written to the configuration'), shown(sections));
		};
		const read = () => callImport(text.value).then(page.refused).then((r) => answer.replaceChildren(
			E('pre', { 'class': 'l2tpsec-written' }, [ shown(r.sections) ]),
			page.button(_('Add'), 'cbi-button-positive important l2tpsec-add', () => Promise.resolve().then(() => add(r.sections)).catch((e) => answer.replaceChildren(page.told(e))))
		)).catch((e) => answer.replaceChildren(page.told(e)));
		page.dialog(_('Import a link'), [
			E('p', {}, [ _('A profile of iOS or macOS (.mobileconfig), lines of uci, or sections of a configuration.') ]),
			file, text, answer
		], [ page.button(_('Read'), 'cbi-button-action l2tpsec-read', read) ], opener);
	}
});
