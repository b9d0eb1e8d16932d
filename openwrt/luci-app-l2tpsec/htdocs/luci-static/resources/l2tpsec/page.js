'use strict';
'require baseclass';
'require ui';
'require uci';

/* What the pages and dialogs do alike. */

return baseclass.extend({
	/* What a refused call answers, thrown. */
	refused: function(r) {
		if (r && r.error)
			throw new Error(r.error.text);
		if (typeof r === 'number' && r !== 0)
			throw new Error(_('the daemon rejects the request (ubus status %d)').format(r));
		return r;
	},

	/* A line of the daemon's, which may quote others: as a child in an array, which becomes a text node. */
	told: function(e) {
		return E('p', { 'class': 'alert-message danger l2tpsec-told' }, [ e.message ]);
	},

	button: function(label, style, run, more) {
		return E('button', Object.assign({ 'class': 'btn cbi-button ' + style, 'type': 'button', 'click': ui.createHandlerFn(this, run) }, more), [ label ]);
	},

	/* A dialog with a row of buttons. The first one closes it, which LuCI presses at Escape too; who uses the keyboard is
	   then where they were. `opener`: the data-key of the button that opened it. */
	dialog: function(title, children, list, opener, closed) {
		const close = () => {
			if (closed)
				closed();
			ui.hideModal();
			const again = [ ...document.querySelectorAll('[data-key]') ].find((x) => x.getAttribute('data-key') === opener);
			if (again)
				again.focus({ preventScroll: true });
		};
		ui.showModal(title, children.concat(E('div', { 'class': 'button-row' }, [
			E('button', { 'class': 'btn cbi-button', 'type': 'button', 'data-close': '', 'click': close }, [ _('Close') ])
		].concat(list.flatMap((b) => [ ' ', b ])))), 'cbi-modal');
	},

	/* Text to read and to copy. */
	area: function(text, rows, more) {
		const node = E('textarea', Object.assign({ 'class': 'l2tpsec-text', 'readonly': '', 'rows': rows, 'spellcheck': 'false', 'style': 'width:100%;font-family:monospace' }, more));
		node.value = text;
		return node;
	},

	/* Browsers have a clipboard for pages from https only; most routers are asked over http. */
	copy: function(area) {
		area.select();
		if (window.isSecureContext && navigator.clipboard)
			return navigator.clipboard.writeText(area.value);
		document.execCommand('copy');
	},

	/* As a file of the browser's. */
	save: function(name, parts) {
		const url = URL.createObjectURL(new Blob(parts, { type: 'application/octet-stream' }));
		E('a', { 'href': url, 'download': name }).click();
		window.setTimeout(() => URL.revokeObjectURL(url), 60000);
	},

	/* A field with its name, which a click on the name reaches. */
	field: function(title, node, help) {
		node.id = 'l2tpsec-' + node.getAttribute('data-field');
		return E('div', { 'class': 'cbi-value' }, [
			E('label', { 'class': 'cbi-value-title', 'for': node.id }, [ title ]),
			E('div', { 'class': 'cbi-value-field' }, [ node, help ? E('div', { 'class': 'cbi-value-description' }, [ help ]) : '' ])
		]);
	},

	/* Saved, but not applied: shows it, and asks. */
	saved: function(title, text) {
		return uci.save().then(() => ui.changes.init()).then(() => ui.showModal(title, [
			E('pre', { 'class': 'l2tpsec-written' }, [ text ]),
			E('div', { 'class': 'button-row' }, [
				E('button', { 'class': 'btn cbi-button', 'click': ui.hideModal }, [ _('Later') ]), ' ',
				E('button', { 'class': 'btn cbi-button cbi-button-apply important', 'click': () => { ui.hideModal(); return ui.changes.apply(true); } }, [ _('Apply now') ])
			])
		]));
	}
});
