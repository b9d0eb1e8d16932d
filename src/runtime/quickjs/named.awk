# named.awk SCRIPT quickjs-atom.h quickjs.c: the engine's source without the functions and constants of JavaScript that no word of
# the program, and no atom of the engine, names. Lines stay where they are. What is kept by chance costs some bytes only.
FILENAME == ARGV[1] {
	while (match($0, /[A-Za-z_$][A-Za-z0-9_$]*/)) {
		named[substr($0, RSTART, RLENGTH)]
		$0 = substr($0, RSTART + RLENGTH)
	}
	next
}
FILENAME == ARGV[2] {
	split($0, part, "\"")
	named[part[2]]
	next
}
/^ *JS_[A-Z_]*_DEF\("[A-Za-z0-9_]+",.*\),? *$/ {
	split($0, part, "\"")
	if (!(part[2] in named))
		$0 = ""
}
{ print }
