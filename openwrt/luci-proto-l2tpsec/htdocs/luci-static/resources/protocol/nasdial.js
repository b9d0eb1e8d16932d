'use strict';
'require baseclass';
'require protocol.l2tpsec';

/* LuCI asks for a file of each protocol that netifd knows. This one is registered with the other. */
return baseclass.extend({});
