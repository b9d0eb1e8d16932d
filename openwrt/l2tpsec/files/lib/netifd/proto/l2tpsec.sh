#!/bin/sh
# SPDX-License-Identifier: MIT
#
# netifd's handler for interfaces of proto l2tpsec and nasdial. One daemon serves them all, reads their options itself and tells
# netifd itself how they are; this script only passes on that netifd wants an interface up, or down, and ends.

[ -n "$INCLUDE_ONLY" ] || {
	. /lib/functions.sh
	. ../netifd-proto.sh
	init_proto "$@"
}

# For both: no device of netifd's, and no process to watch.
l2tpsec_flags() {
	no_device=1
	available=1
	no_proto_task=1
	lasterror=1
}

l2tpsec_setup() {
	ubus call l2tpsec setup "{\"name\":\"$1\"}" >/dev/null 2>&1 && return
	# It asks netifd for its interfaces when it starts, so nothing needs to be tried again here.
	ubus list l2tpsec >/dev/null 2>&1 || proto_notify_error "$1" NO_DAEMON
}

l2tpsec_teardown() {
	# Answered when the peer has its goodbyes: two seconds at most, of the five that netifd gives.
	ubus -t 4 call l2tpsec teardown "{\"name\":\"$1\"}" >/dev/null 2>&1
	return 0
}

proto_l2tpsec_init_config() {
	l2tpsec_flags

	# What netifd compares to see a change. The secrets are missing on purpose: netifd would write them into this script's
	# arguments, for everybody to read; the daemon sees by itself when one of them changes.
	# <options l2tpsec> by make generate
	proto_config_add_array 'server:list(string)' 'ike_proposals:list(string)' 'esp_proposals:list(string)'
	proto_config_add_array 'routes:list(string)'
	proto_config_add_string server_order tunlink username cert key ca crl ipsec encap ike_mode ppk_id local_id remote_id
	proto_config_add_string ike_lifetime esp_lifetime esp_lifetime_mbytes dpd ike ike_v2_pinned hide_avps hostname hello
	proto_config_add_string sequencing keepalive mtu mrru vj deflate bsdcomp mppc mppe mtu_probe dataplane fallback_for
	proto_config_add_string fallback_after fallback_hold pppname bridge killswitch ipv6 refuse_pap allow_pap_in_clear
	proto_config_add_string refuse_chap refuse_mschapv2 refuse_eap eap_ca eap_cert eap_key eap_server_name source_port
	proto_config_add_string call reconnect_min reconnect_max links
	proto_config_add_boolean defaultroute peerdns
	proto_config_add_int metric
	# </options>
}

proto_l2tpsec_setup() {
	local config="$1"
	local servers server address tunlink found

	json_get_vars tunlink
	json_get_values servers server

	# netifd then waits for the interface that leads to the server, and keeps the route to it out of the tunnel. One address
	# of each is enough: several would all have to be reachable.
	for server in $servers; do
		case "$server" in
		\[*) server="${server#\[}" server="${server%%\]*}" ;;
		*:*:*) ;;
		*:*) server="${server%:*}" ;;
		esac
		for address in $(resolveip -t 5 "$server" 2>/dev/null); do
			proto_add_host_dependency "$config" "$address" "$tunlink"
			found=1
			break
		done
	done
	[ -n "$found" ] || [ -z "$tunlink" ] || proto_add_host_dependency "$config" 0.0.0.0 "$tunlink"

	l2tpsec_setup "$config"
}

proto_l2tpsec_teardown() {
	l2tpsec_teardown "$1"
}

proto_nasdial_init_config() {
	l2tpsec_flags

	# As above. The chat script and the init strings may hold secrets too.
	# <options nasdial> by make generate
	proto_config_add_string 'device:device' baud flow line role dial_command apn username login carrier_check
	proto_config_add_string command_timeout connect_timeout rings dial_attempts redial_pause reconnect_min reconnect_max
	proto_config_add_string idle_timeout demand keepalive mtu fallback_for fallback_after fallback_hold pppname
	proto_config_add_string refuse_pap allow_pap_in_clear refuse_chap refuse_mschapv2 refuse_eap eap_ca eap_cert eap_key
	proto_config_add_string eap_server_name ipv6 vj deflate bsdcomp mppc mrru mppe local_ip remote_ip
	proto_config_add_array 'phone:list(string)' 'hold:list(string)' 'routes:list(string)' 'auth:list(string)'
	proto_config_add_array 'ms_dns:list(string)'
	proto_config_add_boolean defaultroute peerdns
	proto_config_add_int metric
	# </options>
}

proto_nasdial_setup() {
	l2tpsec_setup "$1"
}

proto_nasdial_teardown() {
	l2tpsec_teardown "$1"
}

[ -n "$INCLUDE_ONLY" ] || {
	add_protocol l2tpsec
	add_protocol nasdial
}
