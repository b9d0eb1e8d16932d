'use strict';
'require baseclass';
'require uci';
'require l2tpsec.options as options';
'require l2tpsec.page as page';

/* What somebody who helps wants to see of a link, without anything that should stay secret. */

const TABLES = { client: [ 'network', options.SECTIONS.interface ], nas: [ 'network', options.SECTIONS.nasdial ], server: [ 'l2tpsec', options.SECTIONS.server ] };

/* The lines of logread: the time, and the daemon's own level and words. What syslog puts before them says it again. */
function logLine(line) {
	const m = /^\w+ \w+ +\d+ ([\d:]+) \d+ \w+\.(\w+) l2tpsec(?:\[\d+\])?: (?:(error|warn|notice|info|debug) )?(.*)$/.exec(line);
	return m ? '%s %s %s'.format(m[1], m[3] || m[2], m[4]) : line;
}

/* Only options that are known not to be secret: what else is in the section may be a mistyped password's name. */
function section(name, kind) {
	const [ file, list ] = TABLES[kind] || TABLES.client;
	return list.map((o) => [ o, uci.get(file, name, o.uci || o.name) ])
		.filter(([ , value ]) => value != null)
		.map(([ o, value ]) => '  %s = %s'.format(o.uci || o.name, o.private || o.grammar.form === 'secret' ? '***' : [].concat(value).join(' ')));
}

return baseclass.extend({
	logLine: logLine,

	text: function(name, s, log, findings) {
		return [
			'%s: %s'.format(name, s.kind),
			'', 'configuration', ...section(name, s.kind),
			'', 'status', JSON.stringify(s, null, 1),
			'', 'firewall', ...findings.map((f) => '  ' + f.text),
			'', 'log', ...log.filter((l) => l.includes(name))
		].join('\n');
	},

	copy: function(text, opener) {
		const area = page.area(text, 16, { 'class': 'l2tpsec-report', 'aria-label': _('Report') });
		page.dialog(_('Report'), [
			E('p', {}, [ _('Copied. Keys and passwords are left out; names and addresses are in it.') ]),
			area
		], [], opener);
		return page.copy(area);
	}
});
