#!/bin/sh
# Writes deploy/kubernetes/example/rendered.yaml: what `kubectl apply -k` sends, so that it can be read and checked where
# there is no kubectl. Run it after changing a manifest; a test notices if you forget.
set -eu
cd "$(dirname "$0")"

# What the result is made from, sorted so that the checksum is the same on every machine.
sources() { find base migrate example -type f ! -name rendered.yaml | LC_ALL=C sort; }

{
    echo "# Written by deploy/kubernetes/render.sh. sha256 of its sources: $(sources | xargs cat | sha256sum | cut -d ' ' -f 1)"
    kubectl kustomize example/migrate
    echo "---"
    kubectl kustomize example
} >example/rendered.yaml
