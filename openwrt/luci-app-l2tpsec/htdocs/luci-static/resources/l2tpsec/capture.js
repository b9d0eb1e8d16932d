'use strict';
'require baseclass';
'require rpc';
'require l2tpsec.page as page';

/* The packets of a link as a file for Wireshark. The daemon holds what was not fetched yet, and ends it when nobody does. */

const callStart = rpc.declare({ object: 'l2tpsec', method: 'capture', params: [ 'name', 'seconds' ] });
const callRead = rpc.declare({ object: 'l2tpsec', method: 'capture_read', params: [ 'name' ] });
const callStop = rpc.declare({ object: 'l2tpsec', method: 'capture_stop', params: [ 'name' ] });

const MS = 1000;
const ENDS = { seconds: _('the time is over'), packets: _('enough packets'), bytes: _('enough bytes'), client: _('stopped') };

function bytes(hex) {
	const out = new Uint8Array(hex.length / 2);
	for (let i = 0; i < out.length; i++)
		out[i] = parseInt(hex.substr(2 * i, 2), 16);
	return out;
}

return baseclass.extend({
	ask: function(name, opener) {
		const seconds = E('select', { 'class': 'cbi-input-select', 'data-field': 'seconds' }, [ 10, 30, 60, 300 ].map((n) => E('option', { 'value': n, 'selected': n === 30 ? '' : null }, [ String(n) ])));
		const answer = E('div', { 'aria-live': 'polite', 'class': 'l2tpsec-capture' });
		const parts = [];
		let open = true, running = false, size = 0;
		const stop = () => running ? callStop(name) : Promise.resolve();
		/* LuCI's handlers enable their button when they are done; these are enabled by what the capture does. */
		const button = (label, style, off, run) => E('button', { 'class': 'btn cbi-button ' + style, 'type': 'button', 'disabled': off, 'click': run }, [ label ]);
		const save = button(_('Download'), 'cbi-button-action l2tpsec-save', true, () => page.save(name + '.pcapng', parts));
		const start = button(_('Start'), 'cbi-button-positive l2tpsec-start', null, () => callStart(name, Number(seconds.value)).then(page.refused).then(() => {
			parts.length = 0;
			size = 0;
			running = true;
			save.disabled = true;
			start.disabled = true;
			end.disabled = false;
			return read();
		}).catch((e) => answer.replaceChildren(page.told(e))));
		const end = button(_('Stop'), 'cbi-button-negative l2tpsec-stop', true, stop);
		const over = (words) => {
			running = false;
			start.disabled = false;
			end.disabled = true;
			save.disabled = size === 0;
			answer.replaceChildren(words);
		};
		/* A dialog that was closed asks no more, and has stopped it. */
		const read = () => callRead(name).then(page.refused).then((r) => {
			parts.push(bytes(r.data));
			size += r.data.length / 2;
			if (r.end)
				return over('%s: %s'.format(N_(r.end.packets, '%d packet', '%d packets').format(r.end.packets), ENDS[r.end.why] || r.end.why));
			answer.replaceChildren(_('Capturing: %d bytes').format(size));
			if (open)
				window.setTimeout(read, MS);
		}).catch((e) => over(page.told(e)));
		page.dialog('%s: %s'.format(_('Capture'), name), [
			E('p', {}, [ _('PPP frames and L2TP control messages, for Wireshark. Names, keys and passwords are left out; what the link carries is in it, readable. While it runs, the link is slower.') ]),
			page.field(_('Seconds'), seconds), answer
		], [ start, end, save ], opener, () => { open = false; stop(); });
	}
});
