'use strict';
'require view';
'require form';
'require network';

/* The interface form as luci-mod-network draws it, of the interface named in the address, without the rest of its dialog. */
return view.extend({
	load: function() {
		return network.getNetwork(location.hash.slice(1));
	},

	render: function(net) {
		const m = new form.Map('network', 'Interface');
		const s = m.section(form.NamedSection, net.sid, 'interface');
		s.tab('general', 'General');
		s.tab('advanced', 'Advanced');
		net.renderFormOptions(s);
		return m.render().then((node) => E('div', {}, [
			E('p', { 'id': 'what' }, [ net.getI18n() + ' ' + net.getIfname() ]), E('p', { 'id': 'errors' }, [ (net.getErrors() || []).join('; ') ]), node
		]));
	}
});
