'use strict';
'require baseclass';
'require form';
'require l2tpsec.options as options';

/* Form fields for the daemon's options: for the interface form and for the server page. */

function isList(g) {
	return g.form === 'list' || g.name === 'pool';
}

return baseclass.extend({
	/* What a form's validate answers: true, or the reason in words. Empty means: use the default. */
	check: function(o, value) {
		if (value === null || value === undefined || value === '')
			return o.required ? _('This field is required') : true;
		return options.read(o.grammar, value) !== undefined || _('Allowed: %s').format(o.allowed);
	},

	/* Whether another field of the form says the opposite: true, or the reason in words. */
	contradiction: function(s, section_id, o, value) {
		const a = o.against;
		return a && value === a.value && s.formvalue(section_id, a.other) ? a.why : true;
	},

	/* Adds the options of one section type to a form section; tabs: whether the form section has this table's tabs.
	   `uci` is an option's name in /etc/config/network, where that is another. */
	add: function(s, list, tabs) {
		for (const o of list) {
			const g = o.grammar;
			const name = o.uci || o.name;
			let type = form.Value;
			if (g.form === 'flag')
				type = form.Flag;
			else if (g.form === 'choice')
				type = form.ListValue;
			else if (isList(g))
				type = form.DynamicList;
			const w = tabs ? s.taboption(o.tab, type, name, o.title, o.help) : s.option(type, name, o.title, o.help);
			if (o.depends)
				w.depends(o.depends);
			if (g.form === 'flag') {
				w.enabled = '1';
				w.disabled = '0';
				w.default = o.def === 'yes' ? w.enabled : w.disabled;
				/* Older configurations may hold the words. */
				w.cfgvalue = function(section_id) {
					const v = form.Flag.prototype.cfgvalue.apply(this, arguments);
					return v == null ? v : ([ 'yes', '1', 'on', 'true' ].includes(v) ? '1' : '0');
				};
				continue;
			}
			if (g.form === 'choice') {
				if (o.def === undefined)
					w.value('', _('Default'));
				for (const x of g.words)
					w.value(x);
				w.default = o.def === undefined ? '' : o.def;
			}
			else if (o.def !== undefined)
				w.placeholder = o.def;
			if (g.form === 'secret')
				w.password = true;
			w.rmempty = !o.required;
			w.validate = (section_id, value) => {
				const good = this.check(o, value);
				return good === true ? this.contradiction(s, section_id, o, value) : good;
			};
			/* What another option says against it is looked at again when that one changes. */
			const judge = list.find((x) => x.against && x.against.other === o.name);
			if (judge)
				w.onchange = (ev, section_id) => s.getOption(judge.uci || judge.name).triggerValidation(section_id);
		}
	}
});
