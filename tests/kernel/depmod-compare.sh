#!/bin/sh
# Runs an oracle's depmod and kiln's on one tree, one after the other, and compares every
# file, both outputs and the exit status: depmod-compare.sh "ORACLE COMMAND" COMPAT TREE
# RELEASE [ARGUMENT...]. ARGUMENTS come before the release. $KILN is the kiln under test.
set -u
oracle=$1 compat=$2 tree=$3 release=$4
shift 4
dir=$tree/lib/modules/$release
work=$(mktemp -d "${TMPDIR:-/tmp}/depmod-compare.XXXXXX")
trap 'rm -rf "$work"' EXIT

made='modules.dep modules.dep.bin modules.alias modules.alias.bin modules.softdep
	modules.weakdep modules.symbols modules.symbols.bin modules.builtin.bin
	modules.builtin.alias.bin modules.devname'
run() { # $1 a directory for the results; then the command
	to=$work/$1
	shift
	mkdir "$to"
	[ -z "${FRESH-1}" ] || (cd "$dir" 2>/dev/null && rm -f $made)
	"$@" >"$to/stdout" 2>"$to/stderr" </dev/null
	echo "exit $?" >>"$to/stdout"
	# What two runs can't have in common: fds, and libkmod on its own addresses.
	sed -i 's/openat([0-9]*,/openat(N,/; s/fstatat([0-9]*,/fstatat(N,/
		/INFO: .*\(custom logging function\|context 0x\)/d' "$to/stderr"
	(cd "$dir" 2>/dev/null && for f in $made; do
		[ ! -f $f ] || cp $f "$to/"
	done)
	ls "$dir" 2>/dev/null | grep -v -F "$(printf '%s\n' $made)" >"$to/others"
}
arguments() { # the release goes where the caller put @, else to the end
	case " $* " in
	*" @ "*)
		for a; do
			[ "$a" != @ ] || a=$release
			printf '%s\n' "$a"
		done
		;;
	*) printf '%s\n' "$@" "$release" | grep . ;;
	esac
}
args=$(arguments "$@")
# shellcheck disable=SC2086 # words without blanks, on purpose
{
	run oracle $oracle -b "$tree" $args
	run kiln "$KILN" depmod --compat "$compat" -b "$tree" $args
}
diff -r "$work/oracle" "$work/kiln" && [ -n "$(ls "$work/oracle")" ]
