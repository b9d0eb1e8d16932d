# What netifd's netifd-proto.sh and jshn.sh give to a handler, as far as ours uses it: every call is a line of $LOG.
# Values come as VALUE_name in the environment.
note() { echo "$*" >>"$LOG"; }

proto_config_add_string() { for o in "$@"; do note "string $o"; done; }
proto_config_add_boolean() { for o in "$@"; do note "boolean $o"; done; }
proto_config_add_int() { for o in "$@"; do note "int $o"; done; }
proto_config_add_array() { for o in "$@"; do note "array $o"; done; }
proto_add_host_dependency() { note "dependency $1 $2${3:+ $3}"; }
proto_notify_error() { note "error $*"; }
proto_block_restart() { note "block $*"; }
json_get_vars() { for v in "$@"; do eval "$v=\"\$VALUE_$v\""; done; }

json_get_values() { eval "$1=\"\$VALUE_$2\""; }

init_proto() {
	PROTO_NAME=$1 PROTO_COMMAND=$2 PROTO_INTERFACE=$3
}
add_protocol() {
	[ "$PROTO_NAME" = "$1" ] || return 0
	case $PROTO_COMMAND in
	dump)
		no_device=0 available=0 no_proto_task=0 lasterror=0
		"proto_$1_init_config"
		note "flags no_device=$no_device available=$available no_proto_task=$no_proto_task lasterror=$lasterror"
		;;
	setup | teardown) "proto_$1_$PROTO_COMMAND" "$PROTO_INTERFACE" ;;
	esac
}

INCLUDE_ONLY=1
. "$HANDLER"
init_proto "$@"
add_protocol "$1"
