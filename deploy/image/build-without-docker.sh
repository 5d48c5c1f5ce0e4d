#!/usr/bin/env bash
# Builds the image without a Docker engine, examines it and runs its demo. On Debian 12, as root; takes about two minutes.
#
#   apt-get install -y --no-install-recommends buildah podman runc mmdebstrap
#   deploy/image/build-without-docker.sh
#
# No base image is pulled. If there is none with its name, one with Debian's own python3 is made from this machine's apt
# sources. Packages come from where this machine's pip gets them: pip's settings are mounted.
set -euo pipefail
cd "$(dirname "$0")/../.."

IMAGE="$(sed -n 's/^# docker build -t \([^ ]*\) .*/\1/p' Dockerfile)"
# By its tag: no stand-in has the digest of the real one.
BASE="$(sed -n 's/^FROM \([^ @]*\)@[^ ]* AS base$/\1/p' Dockerfile)"
readonly IMAGE BASE
WORK="$(mktemp -d)"
trap 'rm -rf "$WORK"' EXIT

say() { printf '\n== %s\n' "$*"; }

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

make_base() {
    local container sources=/etc/apt/sources.list
    [ -s "$sources" ] || sources=/etc/apt/sources.list.d/debian.sources
    mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,ca-certificates \
        bookworm "$WORK/base.tar" "$sources"
    container="$(buildah from scratch)"
    buildah add --quiet "$container" "$WORK/base.tar" / >/dev/null
    buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
    buildah commit --quiet --rm "$container" "$BASE" >/dev/null
}

# This machine's pip settings (index, certificate) as one file. Paths mean nothing inside; the certificates are mounted.
pip_settings() {
    echo "[global]"
    python3 -m pip config list \
        | sed -n "s/^\(global\|:env:\)\.\(index-url\|extra-index-url\|timeout\|retries\|trusted-host\)='\(.*\)'$/\2 = \3/p" \
        | awk -F' = ' '$2 !~ /^file:/ { line[$1] = $0 } END { for (name in line) print line[name] }'
    echo "cert = /run/secrets/ca"
}

build() {
    pip_settings >"$WORK/pip.conf"
    sed 's/^\(FROM [^ @]*\)@[^ ]*/\1/' Dockerfile >"$WORK/Dockerfile"
    buildah bud --pull-never --isolation chroot --network host --format docker \
        --secret "id=pip,src=$WORK/pip.conf" --secret "id=ca,src=/etc/ssl/certs/ca-certificates.crt" \
        --file "$WORK/Dockerfile" --tag "$IMAGE" . >"$WORK/build.log" 2>&1 || { tail -n 20 "$WORK/build.log"; fail "the build"; }
}

# As a cluster would run it: read-only, without capabilities or new privileges, as the image's own user.
run() {
    podman --runtime "$(command -v runc)" run --rm --network host --read-only --read-only-tmpfs=false \
        --cap-drop all --security-opt no-new-privileges --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 \
        --tmpfs /tmp --volume /data "$@"
}

check_rights() {
    [ "$(run --entrypoint id "$IMAGE" -u)" = 10001 ] || fail "it does not run as user 10001"
    # shellcheck disable=SC2016  # it is the container's shell that fills in $place
    run --entrypoint sh "$IMAGE" -c 'for place in / /opt/numbercheck /etc /usr/bin /var/tmp; do
        ! touch "$place/written" 2>/dev/null || { echo "$place"; exit 1; }
    done' || fail "a place of the root file system can be written"
    run --entrypoint sh "$IMAGE" -c 'find / -xdev -perm /6000 -user 10001 2>/dev/null' | grep . && fail "a file of ours is setuid"
    echo "user 10001, nothing of the root file system can be written"
}

# Checks every layer, so that nothing is hidden below a later one: no pip settings, no key, no .env, no pip.
check_secrets() {
    local layer layers
    podman save --quiet --format docker-archive "$IMAGE" --output "$WORK/image.tar"
    mkdir "$WORK/layers" && tar -xmf "$WORK/image.tar" -C "$WORK/layers"
    pip_settings | sed -n 's/^\(extra-\)\?index-url = //p' | tr ' ' '\n' | sed '/^$/d' >"$WORK/private"
    layers="$(our_layers)"
    [ -n "$layers" ] || fail "there is no layer above the base"
    for layer in $layers; do
        mkdir "$WORK/seen" && tar -xf "$WORK/layers/$layer" -C "$WORK/seen"
        find "$WORK/seen" \( -name '.env' -o -name 'pip.conf' -o -path '*/run/secrets/*' -o -path '*/site-packages/pip' \) \
            | grep . && fail "such a file has no business in the image"
        grep -rlE -e '-----BEGIN [A-Z ]*PRIVATE KEY-----' "$WORK/seen" && fail "a private key lies in the image"
        grep -rlFf "$WORK/private" "$WORK/seen" && fail "the package index is named in the image"
        rm -rf "$WORK/seen"
    done
    podman inspect --format '{{json .Config.Env}} {{json .History}}' "$IMAGE" | grep -iE 'pip_|index-url|proxy=' \
        && fail "settings of the build are kept in the image"
    echo "no secret in any of its layers"
}

our_layers() {
    python3 - "$WORK/layers/manifest.json" "$(podman inspect --format '{{len .RootFS.Layers}}' "$BASE")" <<'PYTHON'
import json, sys
print(*json.load(open(sys.argv[1]))[0]["Layers"][int(sys.argv[2]):])
PYTHON
}

mebibytes() { awk '{ printf "%.1f MiB", $1 / 1048576 }'; }

report_size() {
    local layer ours=0 packed=0
    for layer in $(our_layers); do
        ours=$((ours + $(stat -Lc %s "$WORK/layers/$layer")))
        packed=$((packed + $(gzip -c <"$WORK/layers/$layer" | wc -c)))
    done
    echo "our layers: $(mebibytes <<<"$ours"), compressed $(mebibytes <<<"$packed")"
    echo "with the base: $(podman inspect --format '{{.Size}}' "$IMAGE" | mebibytes)"
}

if ! buildah inspect --type image "$BASE" >/dev/null 2>&1; then
    say "A stand-in for $BASE"
    make_base
fi
say "Building $IMAGE"
build
say "Who it runs as, what it may write"
check_rights
say "What lies in its layers"
check_secrets
say "Size"
report_size
say "Its demo, read-only"
run "$IMAGE" demo
