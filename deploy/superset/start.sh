#!/bin/sh
# Prepares Superset's own database, the user admin and the dashboard, and then starts the server. It may be run again.
set -eu
here="$(dirname "$0")"
secrets="${SUPERSET_SECRETS:-/run/secrets}"
password="$secrets/superset_admin_password"

twice() { cat "$1" && echo && cat "$1" && echo; }

superset db upgrade
# The password is passed as if it were typed, so that no list of processes shows it.
if superset fab list-users | grep -q 'username:admin '; then
    twice "$password" | superset fab reset-password --username admin
else
    twice "$password" | superset fab create-admin \
        --username admin --firstname admin --lastname admin --email admin@example.org
fi
superset init

# Only a new bundle is imported, so changes made by hand since then are kept.
bundle="$(find "$here/bundle" -type f -exec sha256sum {} + | sort | sha256sum)"
if [ "$bundle" != "$(cat "$SUPERSET_HOME/imported" 2>/dev/null)" ]; then
    python3 "$here/provision.py" admin
    echo "$bundle" >"$SUPERSET_HOME/imported"
fi

exec gunicorn --bind "${SUPERSET_BIND:-0.0.0.0:8088}" --workers 1 --worker-class gthread --threads 8 --timeout 120 \
    --worker-tmp-dir /tmp --access-logfile - "superset.app:create_app()"
