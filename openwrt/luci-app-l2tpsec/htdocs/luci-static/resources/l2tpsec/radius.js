'use strict';
'require baseclass';
'require rpc';
'require l2tpsec.page as page';

/* Whether a RADIUS server lets a user in, as it says itself. */

const callTest = rpc.declare({ object: 'l2tpsec', method: 'radius_test', params: [ 'name', 'user', 'password' ] });

return baseclass.extend({
	ask: function(name, opener) {
		const input = (field, type) => E('input', { 'class': 'cbi-input-text', 'type': type, 'data-field': field, 'autocomplete': 'off' });
		const user = input('user', 'text'), password = input('password', 'password');
		const answer = E('div', { 'class': 'l2tpsec-answer', 'aria-live': 'polite' });
		const test = () => callTest(name, user.value, password.value).then(page.refused).then((r) => answer.replaceChildren(...r.servers.map((s) =>
			E('p', { 'class': 'alert-message ' + (s.accepted ? 'success' : 'danger') }, [ s.text ])))).catch((e) => answer.replaceChildren(page.told(e)));
		page.dialog('%s: %s'.format(_('Test'), name), [
			E('p', {}, [ _('Asks the server about a user, and logs nobody in. What was not applied yet is not used.') ]),
			page.field(_('User'), user), page.field(_('Password'), password), answer
		], [ page.button(_('Test'), 'cbi-button-positive important l2tpsec-test', test) ], opener);
	},

	button: function(name, key) {
		return page.button(_('Test'), 'cbi-button-neutral l2tpsec-radius', () => this.ask(name, key), { 'data-key': key });
	}
});
