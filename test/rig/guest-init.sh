#!/bin/sh
# PID 1 of a guest, in User-mode Linux or (rig_kind=qemu, behind the initrd of scripts/guest-kernel) in qemu. Its root is
# the host's / (hostfs or 9p, read-only) under a tmpfs overlay: the guest has every package of the host and can write
# anywhere without the host noticing. The rig_* words of the kernel's command line arrive as environment (the kernel
# hands init what it does not know itself).
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mods=${rig_modules:-/usr/lib/uml/modules}/$(uname -r)
if [ -z "$rig_stage2" ] && [ "$rig_kind" != qemu ]; then
	mount -t proc proc /proc
	insmod "$mods/kernel/fs/overlayfs/overlay.ko"
	mount -t tmpfs tmp /mnt
	mkdir /mnt/up /mnt/work /mnt/root
	mount -t overlay -o lowerdir=/,upperdir=/mnt/up,workdir=/mnt/work overlay /mnt/root
	mount -n --move /proc /mnt/root/proc
	mount -n --move /dev /mnt/root/dev
	cd /mnt/root && pivot_root . mnt
	rig_stage2=1 exec chroot . /bin/sh "$0"
fi

exec </dev/null 2>&1
mount -t sysfs sys /sys
project=${0%/test/rig/*} # stays in sight, even where one of these hides it
mkdir -p /project
mount --bind "$project" /project
for d in /run /tmp /var/log; do mount -t tmpfs tmp $d; done
[ -d "$project" ] || { mkdir -p "$project" && mount --bind /project "$project"; }
mkdir -p /dev/pts /dev/net /run/xl2tpd /lib/modules /rig /run/lock
mount -t devpts devpts /dev/pts
case $rig_kind in # the one place shared with the host: logs
qemu) mount -t 9p -o trans=virtio,version=9p2000.L share /rig ;;
*) mount -t hostfs -o "$rig_share" none /rig ;;
esac
ln -sfn "$mods" "/lib/modules/$(uname -r)"
hostname guest
modprobe -a af_key esp4 xfrm_user cbc ecb ctr gcm hmac authenc echainiv seqiv ghash-generic sha512_generic des_generic \
	arc4 ppp_generic ppp_async pppox l2tp_ppp ppp_mppe
ip link set lo up
dev=vec0
[ "$rig_kind" != qemu ] || { modprobe virtio_net && dev=eth0; }
ip link set $dev up
ip addr add "$rig_ip" dev $dev
[ -z "$rig_gw" ] || ip route add default via "$rig_gw"
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
# The control channel: a script comes in, its output goes out through a file, so that daemons the script leaves behind do
# not hold the line.
cat >/run/agent <<'AGENT'
#!/bin/sh
out=$(mktemp)
sh -c "$(cat)" </dev/null >"$out" 2>&1
rc=$?
cat "$out"
echo rc=$rc
rm "$out"
AGENT
chmod +x /run/agent
socat -t 600 TCP-LISTEN:2323,fork,reuseaddr EXEC:/run/agent,stderr &
touch /rig/ready
wait
