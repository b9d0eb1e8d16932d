# What OpenWrt's /lib/functions.sh does for a package's scripts, as far as ours use it, on the running system.
config_load() { :; }
config_foreach() { for s in lan hq; do "$1" "$s"; done; }
config_get() { if [ "$2" = hq ]; then eval "$1=l2tpsec"; else eval "$1=static"; fi; }
add_group_and_user() { :; }

of_package() {
	: "${pkgname:=$(basename "${1%.*}")}"
	info=/usr/lib/opkg/info/$pkgname
	list=/lib/apk/packages/$pkgname.list
	[ -f "$list" ] || list=$info.list
	services=$(grep '^/etc/init.d/' "$list")
}
default_postinst() {
	of_package "$1"
	[ ! -f "$info.postinst-pkg" ] || (. "$info.postinst-pkg")
	for s in $services; do
		[ "$PKG_UPGRADE" = 1 ] || "$s" enable
		"$s" start
	done
}
default_prerm() {
	of_package "$1"
	[ ! -f "$info.prerm-pkg" ] || (. "$info.prerm-pkg")
	for s in $services; do
		[ "$PKG_UPGRADE" = 1 ] || "$s" disable
		"$s" stop
	done
}
