'use strict';
'require baseclass';
'require form';
'require fs';
'require uci';
'require l2tpsec.options as options';

/* Form fields for the daemon's options: for the interface form and for the server page. */

/* Certificates and keys are uploaded here; sysupgrade keeps them. */
const FILES = '/etc/l2tpsec';
/* Without the letters and digits that look alike. */
const LETTERS = 'abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const GENERATED = 24;

function isList(g) {
	return g.form === 'list' || g.name === 'pool';
}

function widgetOf(o) {
	if (o.labels || o.offer === 'server' || o.grammar.form === 'choice')
		return form.ListValue;
	if (o.grammar.form === 'flag')
		return form.Flag;
	if (o.offer === 'upload')
		return form.FileUpload;
	return isList(o.grammar) ? form.DynamicList : form.Value;
}

/* Older configurations may hold the words. */
function asFlag(v) {
	if (v == null)
		return v;
	return [ 'yes', '1', 'on', 'true' ].includes(v) ? '1' : '0';
}

/* A list may be written as one text. */
function same(was, value) {
	if (typeof was === 'string' && Array.isArray(value))
		return L.toArray(was).join(' ') === value.join(' ');
	return JSON.stringify(was) === JSON.stringify(value);
}

/* A save leaves alone what nobody changed: a default that is not written down, and one that is. */
function quiet(type, w) {
	w.write = function(section_id, value) {
		const was = this.cfgvalue(section_id);
		if (was == null && value === w.default)
			return;
		if (!same(was, value))
			return type.prototype.write.apply(this, arguments);
	};
	w.remove = function(section_id) {
		const was = this.cfgvalue(section_id);
		if (was != null && this.isActive(section_id) && was === this.formvalue(section_id))
			return;
		return type.prototype.remove.apply(this, arguments);
	};
}

/* What a form shows before the field itself: values to choose from. */
const OFFERS = {
	serial: function(w) {
		w.load = function() {
			return L.resolveDefault(fs.list('/dev'), []).then((all) => {
				for (const f of all)
					if (/^tty(USB|ACM|S|AMA|XR|O|mxc)\d+$/.test(f.name))
						this.value('/dev/' + f.name);
				return form.Value.prototype.load.apply(this, arguments);
			});
		};
	},
	upload: function(w) {
		w.root_directory = FILES;
	},
	interface: function(w) {
		w.load = function(section_id) {
			for (const x of uci.sections('network', 'interface'))
				if (x['.name'] !== section_id && x['.name'] !== 'loopback')
					this.value(x['.name']);
			return form.Value.prototype.load.apply(this, arguments);
		};
	},
	/* Other interfaces of the daemon's that this side brings up. */
	link: function(w) {
		w.load = function(section_id) {
			for (const x of uci.sections('network', 'interface'))
				if (x['.name'] !== section_id && [ 'l2tpsec', 'nasdial' ].includes(x.proto) && x.role !== 'answer')
					this.value(x['.name']);
			return form.Value.prototype.load.apply(this, arguments);
		};
	},
	server: function(w) {
		w.load = function() { /* `this`: a grid's dialog has copies of the options */
			const names = uci.sections('l2tpsec', 'server').map((x) => x['.name']);
			this.keylist = [];
			this.vallist = [];
			this.value('', _('every server'));
			for (const n of names)
				this.value(n, n);
			return form.ListValue.prototype.load.apply(this, arguments);
		};
	}
};

return baseclass.extend({
	/* A key or password that nobody has to think of. */
	secret: function() {
		const out = [];
		const one = new Uint8Array(1);
		const fair = 256 - 256 % LETTERS.length;
		while (out.length < GENERATED) {
			window.crypto.getRandomValues(one);
			if (one[0] < fair)
				out.push(LETTERS[one[0] % LETTERS.length]);
		}
		return out.join('');
	},

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

	/* A button behind the field that fills it, and shows what it filled in. */
	generator: function(w) {
		const secret = this.secret;
		w.renderWidget = function(section_id, index, value) {
			const field = form.Value.prototype.renderWidget.apply(this, arguments);
			return E('div', { 'class': 'l2tpsec-generate' }, [ field, ' ', E('button', {
				'class': 'btn cbi-button cbi-button-neutral', 'type': 'button', 'data-generate': w.option,
				'click': (ev) => {
					ev.preventDefault();
					this.getUIElement(section_id).setValue(secret());
					const input = field.querySelector('input');
					input.type = 'text';
					input.dispatchEvent(new Event('blur'));
				}
			}, [ _('Generate') ]) ]);
		};
	},

	/* Adds the options of one section type to a form section; tabs: whether the form section has this table's tabs.
	   `generate`: whether this side may invent its secrets. `uci` is an option's name in /etc/config/network, where that
	   is another. */
	add: function(s, list, tabs, generate) {
		for (const o of list) {
			const g = o.grammar;
			const name = o.uci || o.name;
			const type = widgetOf(o);
			const w = tabs ? s.taboption(o.tab, type, name, o.title, o.help) : s.option(type, name, o.title, o.help);
			if (o.depends)
				w.depends(o.depends);
			if (OFFERS[o.offer])
				OFFERS[o.offer](w);
			if (g.form === 'flag') {
				w.enabled = '1';
				w.disabled = '0';
				w.default = o.def === 'yes' ? w.enabled : w.disabled;
				for (const x in o.labels || {})
					w.value(x, o.labels[x]);
				w.cfgvalue = function() {
					return asFlag(type.prototype.cfgvalue.apply(this, arguments));
				};
				quiet(type, w);
				continue;
			}
			if (g.form === 'choice') {
				if (o.def === undefined)
					w.value('', _('Default'));
				for (const x of g.words)
					w.value(x, (o.labels || {})[x] || x);
				w.default = o.def === undefined ? '' : o.def;
			}
			else if (o.def !== undefined)
				w.placeholder = o.def;
			if (g.form === 'secret') {
				w.password = true;
				if (generate)
					this.generator(w);
			}
			w.rmempty = !o.required;
			quiet(type, w);
			const judged = this;
			w.validate = function(section_id, value) {
				/* In the last field of a list the next item would be typed: it may be empty when there are others. */
				const more = value === '' && isList(g) && typeof this.formvalue === 'function' && L.toArray(this.formvalue(section_id)).length > 0;
				const good = more || judged.check(o, value);
				return good === true ? judged.contradiction(this.section || s, section_id, o, value) : good;
			};
			/* What another option says against it is looked at again when that one changes. */
			const judge = list.find((x) => x.against && x.against.other === o.name);
			if (judge)
				w.onchange = function(ev, section_id) {
					(this.section || s).getOption(judge.uci || judge.name).triggerValidation(section_id);
				};
		}
	}
});
