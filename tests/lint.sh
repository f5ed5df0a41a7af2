#!/bin/sh
# The rules of docs/ARCHITECTURE.md that a machine can see. Every finding is a line
# "file:line: rule"; exit 1 if there is one. LINT_ROOT: another tree (for its own test).
set -u
cd "${LINT_ROOT:-$(dirname "$0")/..}" || exit 1
found=0

report() { # $1 rule, $2 findings
	[ -n "$2" ] || return 0
	printf '%s\n' "$2" | while IFS= read -r line; do
		printf '%s: %s\n' "$line" "$1"
	done
	found=1
}
sources() { find "$@" \( -name '*.c' -o -name '*.h' \) 2>/dev/null; }

# Floors: what a folder may include of kiln's own.
floor() { # $1 folder, $2 find-depth args, $3 regex of allowed prefixes
	files=$(find "$1" $2 \( -name '*.c' -o -name '*.h' \) 2>/dev/null)
	[ -n "$files" ] || return 0
	report "$1 may not include this (floors)" "$(grep -nE '^#include "' $files /dev/null |
		grep -vE "#include \"($3)" | cut -d: -f1,2)"
}
floor orchestrator/base "" 'orchestrator/base/'
floor toolchains "" 'orchestrator/base/|toolchains/'
floor sysroot "" 'orchestrator/base/|sysroot/'
floor oci "" 'orchestrator/base/|oci/'
floor kernel "" 'orchestrator/base/|toolchains/|sysroot/|oci/|kernel/'
floor orchestrator "-maxdepth 1" 'orchestrator/|toolchains/|sysroot/|oci/|kernel/'

# Doors: one place per library.
door() { # $1 header regex, $2 allowed files regex, $3 name
	report "only $2 may include $3 (doors)" "$(grep -nE "^#include <($1)" \
		$(sources orchestrator toolchains sysroot kernel oci) /dev/null |
		cut -d: -f1,2 | grep -vE "^($2)")"
}
door 'curl/' 'orchestrator/base/download[a-z_]*\.[ch]' libcurl
door 'archive\.h|archive_entry\.h' 'orchestrator/base/archive[a-z_]*\.[ch]' libarchive
door 'openssl/' 'orchestrator/base/digest\.c|kernel/module_sign[a-z_]*\.c' OpenSSL
door 'zstd\.h|zlib\.h|lzma\.h|libdeflate\.h|isa-l' 'orchestrator/base/compress[a-z_]*\.[ch]' \
	'compression libraries'
door 'jansson\.h' 'orchestrator/base/json\.h' jansson
door 'libkmod\.h' 'kernel/depmod_kmod\.c' libkmod
door 'gelf\.h|libelf\.h' 'kernel/elf\.c' libelf
door 'git2' 'orchestrator/git\.c' libgit2
door 'solv/' 'sysroot/debian_solve\.c' libsolv

# Calls that are ruled out, in the product; tests may not use them either.
report "this call is ruled out (DESIGN: no system, popen, sprintf, strcpy, strcat)" "$(
	grep -nE '(^|[^a-zA-Z0-9_>.])(system|popen|sprintf|vsprintf|strcpy|strcat|mktemp|tmpnam|gets)\(' \
		$(sources orchestrator toolchains sysroot kernel oci tests) /dev/null |
		grep -vE '^[^:]*:[0-9]*:[[:space:]]*(\*|/\*|//)' | cut -d: -f1,2)"

# Lengths: files up to 500 lines, functions up to 60.
for f in $(sources orchestrator toolchains sysroot kernel oci tests); do
	n=$(wc -l <"$f")
	[ "$n" -le 500 ] || report "longer than 500 lines ($n)" "$f:1"
done
report "a function longer than 60 lines" "$(for f in $(sources orchestrator toolchains \
	sysroot kernel oci tests | grep '\.c$'); do
	awk -v f="$f" '/^{/ {start = FNR} /^}/ && start {
		if (FNR - start - 1 > 60) print f ":" start; start = 0}' "$f"; done)"
report "a line longer than 90 columns" "$(for f in $(sources orchestrator toolchains sysroot \
	kernel oci tests); do expand -t8 "$f" | awk -v f="$f" 'length($0) > 90 {print f ":" FNR}'
	done)"

# Words that don't belong.
report "unfinished" "$(grep -nwE 'TODO|FIXME|XXX|HACK' $(sources orchestrator toolchains \
	sysroot kernel oci tests) /dev/null | cut -d: -f1,2)"

[ "$found" = 0 ] && echo "lint: clean"
exit "$found"
