# To be read by a script of sh: debian_source PACKAGE RELEASE SHA256 FOLDER puts the release, unpacked, into the new FOLDER
# beside which nothing else appears. From Debian 13's source package, by name through apt; the system's package lists stay as
# they are. The script has a function `fail`, which does not return, and $hint and $what in its sentences.

debian_source() {
	command -v apt-get >/dev/null || fail "no $what, and no apt-get here to fetch Debian's source package: $hint"
	mkdir -p "${4%/*}" || fail "cannot write to ${4%/*}: $hint"
	tmp=$(mktemp -d "$4.XXXXXX") || fail "cannot write to ${4%/*}: $hint"
	trap 'rm -rf "$tmp"' EXIT
	trap 'exit 130' INT TERM HUP
	tmp=$(cd "$tmp" && pwd)
	mkdir -p "$tmp/lists/partial" "$tmp/parts"

	# The mirror that this machine already uses, its Debian archive only, one suite, sources only.
	# shellcheck disable=SC2016 # apt-get's own variables
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -E '/debian/?$' | head -n 1)
	[ -n "$mirror" ] || fail "no Debian mirror among apt's sources to fetch the $what from: $hint"
	keys=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -f "$keys" ] || fail "$keys is missing (Debian: apt-get install debian-archive-keyring): $hint"
	echo "deb-src [signed-by=$keys] $mirror trixie main" >"$tmp/sources.list"
	apt() {
		apt-get -q -o Dir::Etc::SourceList="$tmp/sources.list" -o Dir::Etc::SourceParts="$tmp/parts" -o Dir::State::Lists="$tmp/lists" \
			-o Dir::Cache::pkgcache="" -o Dir::Cache::srcpkgcache="" -o Acquire::Languages=none -o APT::Sandbox::User=root "$@" >"$tmp/log" 2>&1
	}
	apt update || fail "no $what: apt cannot read Debian 13's list ($(grep -m 1 '^[EW]:' "$tmp/log")): $hint"
	(cd "$tmp" && apt source --download-only --only-source "$1") ||
		fail "no $what: apt cannot fetch Debian 13's package $1 ($(grep -m 1 '^E:' "$tmp/log")): $hint"
	tar=$(find "$tmp" -name "$1_*.orig.tar.?z")
	[ -f "$tar" ] || fail "Debian's source package $1 holds no release any more: $hint"
	sum=$(sha256sum "$tar" | cut -d ' ' -f 1)
	[ "$sum" = "$3" ] || fail "${tar##*/} has SHA-256 $sum, not $3: it is not release $2; $hint"
	mkdir "$tmp/src"
	tar -xf "$tar" -C "$tmp/src" --strip-components=1 || fail "${tar##*/} does not unpack (Debian: apt-get install xz-utils)"
	: >"$tmp/src/.whole"
	rm -rf "$4"
	mv "$tmp/src" "$4"
	rm -rf "$tmp"
}
