'use strict';
'require baseclass';
'require fs';
'require rpc';
'require ui';
'require uci';
'require l2tpsec.page as page';

/* What the firewall does with our packets. The running ruleset is asked, as nft lists it: a packet is taken through its
   chains. What has to change is written to UCI's firewall, and shown. */

const callDump = rpc.declare({ object: 'network.interface', method: 'dump', expect: { 'interface': [] } });

const MOST_JUMPS = 32;

/* A value on the right of a match: one, a range, a set of these, or a prefix of a device's name. */
function holds(right, value) {
	if (right !== null && typeof right === 'object') {
		if (Array.isArray(right.set))
			return right.set.some((x) => holds(x, value));
		if (Array.isArray(right.range))
			return value >= right.range[0] && value <= right.range[1];
		return false;
	}
	if (typeof right === 'string' && right.endsWith('*'))
		return String(value).startsWith(right.slice(0, -1));
	return right === value;
}

/* Of a new packet; undefined: not known of it. */
function fact(left, p) {
	if (left.meta)
		return { iifname: p.iif, iif: p.iif, oifname: p.oif, oif: p.oif, l4proto: p.l4, nfproto: 'ipv4' }[left.meta.key];
	if (left.ct)
		return { state: 'new' }[left.ct.key];
	const f = left.payload;
	if (!f)
		return undefined;
	if (f.field === 'dport' && (f.protocol === 'th' || f.protocol === p.l4))
		return p.dport;
	return f.protocol === 'ip' && f.field === 'protocol' ? p.l4 : undefined;
}

/* A match of something that is not known of the packet (an address, the time) is taken for none: what is let in is let in
   for everybody then. */
function matches({ op, left, right }, p) {
	const value = fact(left || {}, p);
	if (value === undefined)
		return false;
	const same = holds(right, value);
	return op === '!=' ? !same : same;
}

function verdictOf(e, p) {
	if (e.vmap && e.vmap.data && Array.isArray(e.vmap.data.set)) {
		const value = fact(e.vmap.key || {}, p);
		const hit = e.vmap.data.set.find(([ key ]) => value !== undefined && holds(key, value));
		return hit ? hit[1] : null;
	}
	return [ 'accept', 'drop', 'reject', 'return', 'jump', 'goto' ].some((k) => k in e) ? e : null;
}

/* 'accept', 'drop' or 'reject'; null where the chain says nothing. */
function walk(chains, name, p, depth) {
	for (const rule of (depth < MOST_JUMPS && chains[name]) || []) {
		for (const e of rule) {
			if (e.match && !matches(e.match, p))
				break;
			const v = verdictOf(e, p);
			if (v === null)
				continue;
			if ('return' in v)
				return null;
			const to = v.jump || v.goto;
			const end = to ? walk(chains, to.target, p, depth + 1) : [ 'accept', 'drop', 'reject' ].find((k) => k in v);
			if (end || v.goto)
				return end;
			break;
		}
	}
	return null;
}

/* What all base chains at a hook say of a new packet. A table's accept does not overrule another's drop. */
function judge(ruleset, hook, p) {
	const base = [], chains = {};
	for (const x of ruleset) {
		const table = (y) => y.family + ' ' + y.table;
		if (x.chain && x.chain.hook === hook && x.chain.type === 'filter' && [ 'inet', 'ip' ].includes(x.chain.family))
			base.push([ table(x.chain), x.chain ]);
		if (x.rule) {
			const of = chains[table(x.rule)] || (chains[table(x.rule)] = {});
			(of[x.rule.chain] || (of[x.rule.chain] = [])).push(x.rule.expr || []);
		}
	}
	const ends = base.map(([ t, c ]) => walk(chains[t] || {}, c.name, p, 0) || c.policy || 'accept');
	return ends.find((v) => v !== 'accept') || 'accept';
}

/* Whether any rule speaks of the device. */
function named(ruleset, device) {
	return ruleset.some((x) => ((x.rule || {}).expr || []).some((e) =>
		e.match && e.match.left && e.match.left.meta && [ 'iifname', 'oifname' ].includes(e.match.left.meta.key) && e.match.op !== '!=' && holds(e.match.right, device)));
}

/* The zone of the configuration that has the network or the device; null: none. */
function zoneOf(network, device) {
	return uci.sections('firewall', 'zone').find((z) =>
		L.toArray(z.network).flatMap((n) => n.split(/\s+/)).includes(network) || L.toArray(z.device).some((d) => holds(d.replace(/\+$/, '*'), device))) || null;
}

function hasZone(name) {
	return uci.sections('firewall', 'zone').find((z) => z.name === name) || null;
}

/* What a server has to hear from its callers. */
function ports(ipsec) {
	return ipsec === 'off'
		? [ { text: 'UDP 1701', l4: 'udp', dport: 1701 } ]
		: [ { text: 'UDP 500', l4: 'udp', dport: 500 }, { text: 'UDP 4500', l4: 'udp', dport: 4500 }, { text: 'ESP', l4: 'esp' } ];
}

function all(words) {
	return words.length < 2 ? words.join('') : _('%s and %s').format(words.slice(0, -1).join(', '), words[words.length - 1]);
}

/* Rules that let the ports in from a zone. */
function rules(zone, closed) {
	const udp = closed.filter((x) => x.l4 === 'udp').map((x) => String(x.dport)).join(' ');
	const esp = closed.some((x) => x.l4 === 'esp');
	return [
		...(udp ? [ [ 'rule', { name: udp === '1701' ? 'Allow-L2TP' : 'Allow-IKE', src: zone, proto: 'udp', dest_port: udp, target: 'ACCEPT' } ] ] : []),
		...(esp ? [ [ 'rule', { name: 'Allow-ESP', src: zone, proto: 'esp', target: 'ACCEPT' } ] ] : [])
	];
}

/* A zone for the link and forwardings between it and lan. `everything`: the link is the way to the internet. */
function zone(kind, value, everything) {
	const name = everything ? 'l2tpwan' : 'l2tp';
	const there = hasZone(name);
	const policy = everything ? 'REJECT' : 'ACCEPT';
	const first = there
		? [ 'zone', { [kind]: [ ...L.toArray(there[kind]), value ] }, there['.name'] ]
		: [ 'zone', Object.assign({ name: name, [kind]: [ value ], input: policy, output: 'ACCEPT', forward: policy, mtu_fix: '1' }, everything ? { masq: '1' } : {}) ];
	const ways = hasZone('lan') ? [ [ 'lan', name ], ...(everything ? [] : [ [ name, 'lan' ] ]) ] : [];
	const missing = ways.filter(([ src, dest ]) => !uci.sections('firewall', 'forwarding').some((f) => f.src === src && f.dest === dest));
	return [ first, ...missing.map(([ src, dest ]) => [ 'forwarding', { src: src, dest: dest } ]) ];
}

/* As a file of UCI has it. */
function text(sections) {
	return sections.map(([ type, values, sid ]) => [ sid ? "config %s '%s'".format(type, sid) : 'config ' + type ]
		.concat(Object.keys(values).flatMap((k) => Array.isArray(values[k]) ? values[k].map((v) => "\tlist %s '%s'".format(k, v)) : [ "\toption %s '%s'".format(k, values[k]) ]))
		.join('\n')).join('\n\n') + '\n';
}

return baseclass.extend({
	judge: judge,

	/* The running ruleset and the interfaces; without a ruleset, null. */
	load: function() {
		return Promise.all([
			L.resolveDefault(fs.exec_direct('/usr/sbin/nft', [ '--terse', '--json', 'list', 'ruleset' ], 'json'), null),
			L.resolveDefault(callDump(), []),
			L.resolveDefault(uci.load('firewall'), null)
		]).then(([ nft, interfaces ]) => ({ ruleset: nft && Array.isArray(nft.nftables) ? nft.nftables : null, interfaces: interfaces }));
	},

	/* What stands in the way of one entry of the daemon's status: each with its words and what would be written. */
	findings: function(name, s, now) {
		const out = [];
		if (!now || now.ruleset === null || s.section)
			return out;
		if (s.kind === 'server') {
			const ways = now.interfaces.filter((i) => i.l3_device && (i.route || []).some((r) => r.target === '0.0.0.0' && r.mask === 0) && ![ 'l2tpsec', 'nasdial' ].includes(i.proto));
			for (const wan of ways) {
				const closed = ports(s.ipsec).filter((x) => judge(now.ruleset, 'input', { iif: wan.l3_device, l4: x.l4, dport: x.dport }) !== 'accept');
				const from = zoneOf(wan['interface'], wan.l3_device);
				if (closed.length)
					out.push({ id: 'input', text: _('%s does not let in %s: no client reaches this server.').format(wan['interface'], all(closed.map((x) => x.text))), write: from ? rules(from.name, closed) : [] });
			}
		}
		/* An interface that is down has no device, and the firewall no rules for it. */
		const runs = s.kind === 'server' || s.state === 'up';
		if (s.kind === 'server' ? named(now.ruleset, s.dataplane === 'kernel' ? s.ifname + '-1' : s.ifname) : (runs ? named(now.ruleset, s.ifname) : zoneOf(name, s.ifname) !== null))
			return out;
		if (runs && zoneOf(name, s.ifname) !== null)
			return out.concat({ id: 'reload', text: _('%s is in a zone of the configuration, but not of the running firewall: restart the firewall.').format(s.ifname), write: [] });
		const everything = s.kind === 'client' && uci.get('network', name, 'defaultroute') !== '0';
		return out.concat({
			id: 'zone',
			text: _('%s is in no zone of the firewall: nothing is forwarded.').format(s.kind === 'server' ? s.ifname : name),
			/* In the kernel each user has a netdev of their own, with a number behind the name. fw4 writes * as +. */
			write: s.kind === 'server' ? zone('device', s.ifname + '+', false) : zone('network', name, everything)
		});
	},

	text: text,

	/* Writes it, shows it, and leaves it to the owner when it takes effect. */
	write: function(sections) {
		for (const [ type, values, sid ] of sections) {
			const id = sid || uci.add('firewall', type);
			for (const k in values)
				uci.set('firewall', id, k, values[k]);
		}
		return page.saved(_('Written to the configuration of the firewall'), text(sections));
	},

	/* The findings as lines with a button each. */
	draw: function(name, list) {
		return list.map((f) => E('div', { 'class': 'alert-message warning l2tpsec-finding', 'data-finding': name + ' ' + f.id }, [
			E('p', {}, [ f.text ]),
			f.write.length ? E('button', { 'class': 'btn cbi-button cbi-button-action', 'data-key': 'fix ' + name + ' ' + f.id, 'click': ui.createHandlerFn(this, () => this.write(f.write)) }, [ _('Set up the firewall') ]) : ''
		]));
	}
});
