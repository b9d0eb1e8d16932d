#!/bin/sh
# SPDX-License-Identifier: MIT
#
# netifd's handler for interfaces of proto l2tpsec. One daemon serves them all, reads their options itself and tells netifd itself
# how they are; this script only passes on that netifd wants an interface up, or down, and ends.

[ -n "$INCLUDE_ONLY" ] || {
	. /lib/functions.sh
	. ../netifd-proto.sh
	init_proto "$@"
}

proto_l2tpsec_init_config() {
	no_device=1
	available=1
	no_proto_task=1
	lasterror=1

	# What netifd compares to see a change. The secrets are missing on purpose: netifd would write them into this script's
	# arguments, for everybody to read; the daemon sees by itself when one of them changes.
	proto_config_add_string server username ipsec encap local_id remote_id ike_lifetime esp_lifetime esp_lifetime_mbytes dpd
	proto_config_add_string hide_avps hostname hello sequencing keepalive mtu dataplane ifname refuse_pap refuse_chap
	proto_config_add_string ipv6 refuse_mschapv2 refuse_eap source_port call reconnect_min reconnect_max
	proto_config_add_array 'ike_proposals:list(string)' 'esp_proposals:list(string)' 'routes:list(string)'
	proto_config_add_boolean defaultroute peerdns
	proto_config_add_int metric
}

proto_l2tpsec_setup() {
	local config="$1"
	local server address

	json_get_vars server
	case "$server" in
	\[*) server="${server#\[}" server="${server%%\]*}" ;;
	*:*:*) ;;
	*:*) server="${server%:*}" ;;
	esac

	# netifd then waits for the interface that leads to the server, and keeps the route to it out of the tunnel. One address is
	# enough: several would all have to be reachable.
	for address in $(resolveip -t 5 "$server" 2>/dev/null); do
		proto_add_host_dependency "$config" "$address"
		break
	done

	ubus call l2tpsec setup "{\"name\":\"$config\"}" >/dev/null 2>&1 && return
	# It asks netifd for its interfaces when it starts, so nothing needs to be tried again here.
	ubus list l2tpsec >/dev/null 2>&1 || proto_notify_error "$config" NO_DAEMON
}

proto_l2tpsec_teardown() {
	local config="$1"

	# Answered when the peer has its goodbyes: two seconds at most, of the five that netifd gives.
	ubus -t 4 call l2tpsec teardown "{\"name\":\"$config\"}" >/dev/null 2>&1
	return 0
}

[ -n "$INCLUDE_ONLY" ] || add_protocol l2tpsec
