'use strict';
'require baseclass';
'require uci';
'require l2tpsec.forms as forms';

/* What a new server or user begins with, so that there is little left to type. */

const FIRST = 10, LAST = 200;

function number(address) {
	return address.split('.').reduce((n, part) => n * 256 + Number(part), 0);
}

/* [ first, last ] of a network, a range or an address; null: not of IPv4. */
function range(text) {
	const m = /^(\d+\.\d+\.\d+\.\d+)(?:\/(\d+)|-(\d+\.\d+\.\d+\.\d+))?$/.exec(text);
	if (!m)
		return null;
	const at = number(m[1]);
	if (m[3])
		return [ at, number(m[3]) ];
	const size = Math.pow(2, 32 - (m[2] === undefined ? 32 : Number(m[2])));
	const first = at - at % size;
	return [ first, first + size - 1 ];
}

/* Everything of IPv4 that this router has, or is told to reach. */
function taken(interfaces) {
	const out = [];
	for (const i of interfaces) {
		for (const a of i['ipv4-address'] || [])
			out.push(a.address + '/' + a.mask);
		for (const r of i.route || [])
			if (r.mask > 0)
				out.push(r.target + '/' + r.mask);
	}
	for (const s of uci.sections('network')) {
		out.push(...L.toArray(s.ipaddr), ...L.toArray(s.routes));
		if (s.netmask && s.ipaddr)
			out.push(s.ipaddr + '/' + s.netmask.split('.').map((x) => Number(x).toString(2)).join('').replace(/0/g, '').length);
	}
	for (const s of uci.sections('l2tpsec'))
		out.push(...L.toArray(s.pool), ...L.toArray(s.routes), ...L.toArray(s.local_ip), ...L.toArray(s.ip));
	return out.map(range).filter((x) => x !== null);
}

/* The first three numbers of a private /24 that nothing here overlaps. */
function freeNetwork(interfaces) {
	const all = taken(interfaces);
	const candidates = [];
	for (let i = 99; i > 0; i--)
		candidates.push('10.%d.0'.format(i));
	for (let i = 31; i > 15; i--)
		candidates.push('172.%d.99'.format(i));
	return candidates.find((c) => {
		const [ first, last ] = range(c + '.0/24');
		return !all.some(([ a, b ]) => a <= last && b >= first);
	}) || candidates[0];
}

return baseclass.extend({
	freeNetwork: freeNetwork,

	/* `lns`, `lns2` and so on. */
	freeName: function(stem) {
		for (let i = 1; ; i++) {
			const name = i === 1 ? stem : stem + i;
			if (uci.get('l2tpsec', name) == null && uci.get('network', name) == null)
				return name;
		}
	},

	server: function(interfaces) {
		const net = freeNetwork(interfaces);
		/* The zone that the page offers names the users' netdevs too. */
		return { dataplane: 'auto', psk: forms.secret(), local_ip: net + '.1', pool: [ '%s.%d-%s.%d'.format(net, FIRST, net, LAST) ], dns: [ net + '.1' ] };
	},

	user: function() {
		return { password: forms.secret() };
	}
});
