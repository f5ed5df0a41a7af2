#!/bin/sh
# make quickstart: builds the kernel of kernel/quickstart into the layout out/, and says
# what to do with it. The source comes from kernel.org, or, where that can't be reached,
# from the distribution's own source package through the host's apt.
set -eu
cd "$(dirname "$0")/.."

mirrors=${KILN_MIRROR:-"https://www.kernel.org/pub/linux/kernel apt:"}
set -- -C kernel/quickstart
for m in $mirrors; do
	set -- "$@" --mirror "$m"
done

# ccache would preprocess every file once more, and there is nothing in it yet.
./kiln "$@" build --relock --no-ccache -o out

tag=$(./kiln "$@" -q tag --relock | sed 's/.*://; s/-[0-9a-f]\{40\}.*//')
cat <<EOF
next
  ./kiln image ls out                        what the layout holds
  ./kiln image verify out                    every digest, checked
  skopeo inspect oci:out:$tag         as other clients see it (Debian: skopeo)
  ./kiln -C kernel/quickstart why            what changed since this build
  ./kiln -C kernel/quickstart build --arch aarch64 --mirror apt: --relock
                                             the same for another architecture
  ./kiln list                                the series that kiln ships
EOF
