'use strict';
'require baseclass';
'require dom';

/* How links look: the ladder of their layers, and the chart of their traffic. Names and words that peers chose are only
   ever put into arrays of children: LuCI makes text nodes of those, while a bare string would become HTML. */

const SAMPLES = 100;
/* Readable on LuCI's light and dark backgrounds; the sign says it without colour. */
const COLOURS = { ok: '#2e9e4f', busy: '#d98200', failed: '#d9363e', idle: '#8a8a8a' };
const SIGNS = { ok: '✓', busy: '…', failed: '✗', idle: '–' };

function bytes(n) {
	const units = [ 'B', 'KiB', 'MiB', 'GiB', 'TiB' ];
	let i = 0;
	while (n >= 1024 && i < units.length - 1) {
		n /= 1024;
		i++;
	}
	return (i ? n.toFixed(1) : String(Math.round(n))) + ' ' + units[i];
}

function svg(tag, attributes, children) {
	const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
	for (const k in attributes)
		node.setAttribute(k, attributes[k]);
	for (const c of children || [])
		node.appendChild(c);
	return node;
}

/* The layers of a tunnel or of a serial line, lowest first: each with a state and its facts. */
function ladder(s) {
	const up = s.state === 'up';
	/* What an attempt that is over had reached is shown, but no lamp is lit for it. */
	const over = s.state === 'down';
	const ppp = s.ppp ? [ s.ppp.auth, _('MRU %d, peer %d').format(s.ppp.mru, s.ppp.peer_mru) ] : [];
	const ip = up ? [ '%s → %s'.format(s.local_ip, s.remote_ip), s.local_ip6, s.ifname, _('MTU %d').format(s.mtu), s.user ].concat(s.dns.length ? [ 'DNS ' + s.dns.join(' ') ] : []) : [];
	const rows = s.kind === 'nas' ? [
		[ 'line', _('Line'), [ 'line' ], up ? [ s.device, _('%d bit/s').format(s.baud) ] : [] ],
		[ 'modem', _('Modem'), [ 'modem' ], up && (s.phone || s.speed) ? [ s.phone, s.speed ? _('%d bit/s').format(s.speed) : '', s.operator, s.signal != null ? _('signal %d dBm').format(s.signal) : '' ] : [] ]
	] : [ [ 'wan', 'WAN', [ 'plane', 'server', 'route' ], [ s.server, s.dataplane_why ] ] ].concat(s.ipsec === 'off' ? [] : [
		[ 'ike', 'IKE', [ 'ike' ], s.ike ? [ s.ike.proposal, s.ike.peer_id, _('NAT: %s').format(s.ike.nat) ] : [] ],
		[ 'esp', 'ESP', [ 'esp' ], s.esp ? [ s.esp.proposal, s.esp.encap === 'udp' ? _('inside UDP 4500') : _('raw ESP'), '%s / %s'.format(s.esp.spi_in, s.esp.spi_out) ] : [] ]
	], [
		[ 'l2tp', 'L2TP', [ 'l2tp' ], s.l2tp ? [ s.l2tp.peer_host, _('tunnel %d/%d, call %d/%d').format(s.l2tp.tunnel, s.l2tp.peer_tunnel, s.l2tp.call, s.l2tp.peer_call), s.l2tp.line_errors ] : [] ]
	]);
	return rows.concat([ [ 'ppp', 'PPP', [ 'ppp' ], ppp ], [ 'ip', 'IP', [ 'ip' ], ip ] ]).map(([ name, title, stages, facts ]) => {
		const mine = (s.stages || []).filter((x) => stages.includes(x.name));
		const worst = mine.find((x) => x.state === 'failed') || mine.find((x) => x.state === 'busy');
		const state = worst ? worst.state : ((mine.length || up) && !over ? 'ok' : 'idle');
		const said = worst ? [ worst.text ] : (facts.length ? facts : mine.map((x) => x.text));
		return { name: name, title: title, state: state, text: said.filter((x) => x != null && x !== '').join(' · ') };
	});
}

function drawLadder(rows) {
	return E('div', { 'class': 'l2tpsec-ladder' }, rows.map((r) => E('div', { 'class': 'l2tpsec-rung', 'data-layer': r.name, 'data-state': r.state }, [
		E('span', { 'class': 'l2tpsec-lamp', 'style': 'background:' + COLOURS[r.state] }, [ SIGNS[r.state] ]),
		E('strong', {}, [ r.title ]),
		E('span', { 'class': 'l2tpsec-facts' }, [ r.text ])
	])));
}

/* Bytes a second from counters; a counter that went back belongs to a new session. */
function rates(history) {
	const out = [];
	for (let i = 1; i < history.length; i++) {
		const a = history[i - 1], b = history[i], dt = (b.at - a.at) / 1000;
		const rate = (k) => dt > 0 && b[k] >= a[k] ? (b[k] - a[k]) / dt : 0;
		out.push({ rx: rate('rx'), tx: rate('tx') });
	}
	return out;
}

function drawChart(history) {
	const W = 600, H = 110, list = rates(history);
	const top = Math.max(1024, ...list.map((r) => Math.max(r.rx, r.tx)));
	const x = (i) => W - (list.length - 1 - i) * W / (SAMPLES - 1);
	const points = (k) => list.map((r, i) => '%.1f,%.1f'.format(x(i), H - 4 - r[k] / top * (H - 8))).join(' ');
	const line = (k, colour) => svg('polyline', { points: points(k), fill: 'none', stroke: colour, 'stroke-width': 2, 'vector-effect': 'non-scaling-stroke', 'data-line': k });
	const grid = [ 0.25, 0.5, 0.75 ].map((f) => svg('line', { x1: 0, x2: W, y1: H * f, y2: H * f, stroke: 'currentColor', 'stroke-opacity': 0.15 }));
	const now = list.length ? list[list.length - 1] : { rx: 0, tx: 0 };
	return E('div', {}, [
		svg('svg', { viewBox: '0 0 %d %d'.format(W, H), preserveAspectRatio: 'none', 'class': 'l2tpsec-chart', role: 'img' }, grid.concat([ line('rx', '#2f81d6'), line('tx', '#d98200') ])),
		E('div', { 'class': 'l2tpsec-legend' }, [
			E('span', { 'style': 'color:#2f81d6' }, [ '■ ' + _('received %s/s').format(bytes(now.rx)) ]), ' ',
			E('span', { 'style': 'color:#d98200' }, [ '■ ' + _('sent %s/s').format(bytes(now.tx)) ]), ' ',
			E('span', {}, [ _('top of the chart: %s/s').format(bytes(top)) ])
		])
	]);
}

const CSS = '.l2tpsec-rung{display:flex;gap:.6em;align-items:baseline;padding:.25em 0;border-bottom:1px solid rgba(128,128,128,.25)}' +
	'.l2tpsec-lamp{flex:none;width:1.5em;height:1.5em;line-height:1.5em;border-radius:50%;color:#fff;text-align:center}' +
	'.l2tpsec-rung strong{flex:none;min-width:4.2em}.l2tpsec-facts{overflow-wrap:anywhere;min-width:0}' +
	'.l2tpsec-under{margin:.6em 0 0 1em;padding-left:.8em;border-left:3px solid rgba(128,128,128,.35)}.l2tpsec-under p{margin:0 0 .2em}' +
	'.l2tpsec-chart{display:block;width:100%;height:110px;margin-top:.6em;border:1px solid rgba(128,128,128,.35)}' +
	'.l2tpsec-legend,.l2tpsec-drops{font-size:90%;overflow-wrap:anywhere}.l2tpsec-error{color:#d9363e;overflow-wrap:anywhere}' +
	'.l2tpsec-log{white-space:pre-wrap;overflow-wrap:anywhere;max-height:20em;overflow-y:auto;background:transparent;color:inherit}' +
	'.l2tpsec-buttons{display:flex;flex-wrap:wrap;gap:.4em;margin:.6em 0}';

/* The same as dom.content(), for what is drawn again every few seconds: who uses the keyboard stays where they are. */
function redraw(node, children) {
	const at = node.contains(document.activeElement) ? document.activeElement.getAttribute('data-key') : null;
	dom.content(node, children);
	const again = at === null ? null : [ ...node.querySelectorAll('[data-key]') ].find((x) => x.getAttribute('data-key') === at);
	if (again)
		again.focus({ preventScroll: true });
}

return baseclass.extend({
	COLOURS: COLOURS,
	SAMPLES: SAMPLES,
	CSS: CSS,
	bytes: bytes,
	rates: rates,
	ladder: ladder,
	drawLadder: drawLadder,
	drawChart: drawChart,
	redraw: redraw
});
