'use strict';
'require baseclass';

/* The daemon's states in words: for the list of interfaces and for the status page. */

const STEPS = {
	waiting: _('waits as a backup'),
	dialing: _('connecting'),
	ike: _('connecting (IKE)'),
	l2tp: _('connecting (L2TP)'),
	ppp: _('connecting (PPP)'),
	up: _('connected'),
	stopping: _('disconnecting'),
	down: _('not connected')
};

return baseclass.extend({
	/* A state that a later daemon may have is shown as it is. */
	step: function(state) {
		return STEPS[state] || String(state);
	},

	/* Of one entry of the daemon's status. */
	state: function(s) {
		if (s.kind === 'disabled')
			return _('disabled');
		if (s.kind === 'invalid')
			return _('not started: its configuration has a fault');
		if (s.kind === 'server')
			return s.state === 'up' ? _('listening') : this.step(s.state);
		if (s.kind === 'nas' && s.state === 'dialing')
			return s.role === 'answer' ? _('waits for a call') : _('dialling');
		if (s.backup && s.backup.waits && s.state === 'down')
			return this.step('waiting');
		if (s.standby)
			return _('waits for a packet');
		return s.state === 'down' && s.retry_in != null ? _('not connected, waits before the next attempt') : this.step(s.state);
	}
});
