# docker build -t numbercheck-etl:0.1.0 .
# docker run --rm --init --read-only --tmpfs /data:uid=10001 --tmpfs /tmp numbercheck-etl:0.1.0 demo
#
# `numbercheck lake` needs libraries that are ten times as large as the job, so it has an image of its own:
#
# docker build --target lake -t numbercheck-etl-lake:0.1.0 .
#
# If packages come from an index of your own, or through a proxy with its own certificate, add
# --secret id=pip,src=pip.conf --secret id=ca,src=ca.pem (and cert = /run/secrets/ca in pip.conf). No layer keeps them.
# Without a Docker engine: deploy/image/build-without-docker.sh
FROM python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b AS base


FROM base AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /src

# The build backend has an environment of its own, so that nothing of it gets into the image.
COPY requirements-build.lock requirements-runtime.lock ./
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=ca \
    python3 -m venv /opt/backend \
    && /opt/backend/bin/python -m pip install --quiet --no-deps --require-hashes -r requirements-build.lock \
    && python3 -m venv /opt/numbercheck \
    && /opt/numbercheck/bin/python -m pip install --quiet --no-deps --require-hashes --only-binary :all: \
        -r requirements-runtime.lock

COPY pyproject.toml README.md LICENSE ./
COPY etl etl
COPY migrations migrations
RUN /opt/backend/bin/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheel . \
    && /opt/numbercheck/bin/python -m pip install --quiet --no-deps --no-index /wheel/*.whl \
    && /opt/numbercheck/bin/python -m pip check \
    && /opt/numbercheck/bin/python -m pip uninstall --quiet --yes setuptools pip


FROM build AS lake-build
COPY requirements-lake.lock ./
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=ca \
    /opt/backend/bin/python -m pip --python /opt/numbercheck/bin/python install --quiet --no-deps --require-hashes \
        --only-binary :all: -r requirements-lake.lock \
    && /opt/backend/bin/python -m pip --python /opt/numbercheck/bin/python check


FROM base AS runtime
LABEL org.opencontainers.image.title="numbercheck-etl" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
RUN groupadd --gid 10001 numbercheck \
    && useradd --uid 10001 --gid 10001 --no-log-init --no-create-home --home-dir /data --shell /usr/sbin/nologin numbercheck \
    && install -d -o 10001 -g 10001 /data /lake
ENV PATH=/opt/numbercheck/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# A number, because Kubernetes cannot tell from a name that it is not root. Nothing is written outside /data (SQLite)
# and /lake (a lake on a disk).
USER 10001:10001
WORKDIR /data
ENTRYPOINT ["numbercheck"]


FROM runtime AS lake
COPY --from=lake-build /opt/numbercheck /opt/numbercheck
CMD ["lake", "export"]


# The last one is what is built if no target is named.
FROM runtime
COPY --from=build /opt/numbercheck /opt/numbercheck
CMD ["sync"]
