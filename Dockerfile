# Three images of one checkout:
#   docker build --target runtime -t tidegate:dev .            the engine, and nothing else
#   docker build --target model -t tidegate-model:dev .        the same with dbt, for the role `backfill` of a reporting model
#   docker build --target sandbox -t tidegate-sandbox:dev .    the same, with the remote systems on one machine
# Behind a proxy that signs TLS itself: --secret id=ca_bundle,src=PATH_OF_PEM. docs/deploy.md says more.
ARG BASE_IMAGE=python:3.12-slim-bookworm

FROM ${BASE_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
COPY deploy/image/*.lock deploy/image/with_ca_bundle /locks/
RUN --mount=type=secret,id=ca_bundle \
    python3 -m venv /opt/build \
 && python3 -m venv --without-pip /opt/tidegate \
 && /locks/with_ca_bundle /opt/build/bin/pip install --quiet --require-hashes --requirement /locks/build.lock \
 && /locks/with_ca_bundle /opt/build/bin/pip --python /opt/tidegate/bin/python install --quiet --require-hashes \
      --only-binary :all: --requirement /locks/runtime.lock \
 # Headers and tests of the large packages: nothing of ours compiles against them.
 && rm -rf /opt/tidegate/lib/python3*/site-packages/pyarrow/include /opt/tidegate/lib/python3*/site-packages/pyarrow/tests \
      /opt/tidegate/lib/python3*/site-packages/numpy/*/tests /opt/tidegate/lib/python3*/site-packages/numpy/tests
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY transforms transforms
COPY clients clients
COPY activities activities
COPY workflows workflows
COPY workers workers
COPY api api
COPY cli cli
COPY sandbox sandbox
RUN /opt/build/bin/pip wheel --quiet --no-deps --no-build-isolation --no-index --wheel-dir /wheel . \
 && /opt/build/bin/pip --python /opt/tidegate/bin/python install --quiet --no-deps --no-index /wheel/*.whl \
 && /opt/build/bin/cyclonedx-py environment --output-format JSON --output-reproducible \
      --pyproject pyproject.toml --output-file /opt/tidegate/sbom.cdx.json /opt/tidegate/bin/python

FROM build AS build-sandbox
# Only the files that the sandbox adds, so that both images share the large layer.
RUN --mount=type=secret,id=ca_bundle \
    touch /before \
 && /locks/with_ca_bundle /opt/build/bin/pip --python /opt/tidegate/bin/python install --quiet --require-hashes \
      --requirement /locks/sandbox.lock \
 && mkdir /added && cd / \
 && find opt/tidegate -cnewer /before '(' -type f -o -type l ')' -print0 | tar --null -cf - -T - | tar -xf - -C /added

FROM build AS build-model
# In an environment of its own: dbt's pins are not the engine's.
COPY deploy/model/dbt.lock /locks/dbt.lock
RUN --mount=type=secret,id=ca_bundle \
    python3 -m venv --without-pip /opt/dbt \
 && /locks/with_ca_bundle /opt/build/bin/pip --python /opt/dbt/bin/python install --quiet --require-hashes \
      --requirement /locks/dbt.lock \
 && /opt/dbt/bin/dbt --version

FROM ${BASE_IMAGE} AS runtime
RUN groupadd --gid 10001 tidegate \
 && useradd --uid 10001 --gid tidegate --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin tidegate \
 && mkdir --mode 0755 /srv/tidegate
COPY --from=build /opt/tidegate /opt/tidegate
COPY deploy/image/healthcheck.py /opt/tidegate/healthcheck.py
ARG COMMIT=
ARG VERSION=0.1.0
ARG CREATED=
LABEL org.opencontainers.image.title="Tidegate" \
      org.opencontainers.image.description="Keeps a warehouse equal to a Salesforce org within two minutes" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}" \
      org.opencontainers.image.created="${CREATED}"
# Inside a container every interface is the container's own. The orchestrator decides what reaches it.
ENV PATH=/opt/tidegate/bin:${PATH} PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    TIDEGATE_COMMIT=${COMMIT} TIDEGATE_HEALTH__HOST=0.0.0.0 TIDEGATE_HEALTH__PORT=8401 TIDEGATE_API__HOST=0.0.0.0
USER 10001:10001
WORKDIR /srv/tidegate
# The root may be read-only. Reconciliations write to /tmp: give it a tmpfs.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["/opt/tidegate/bin/python", "-I", "/opt/tidegate/healthcheck.py"]
ENTRYPOINT ["tidegate"]
CMD ["--help"]

FROM runtime AS model
COPY --from=build-model /opt/dbt /opt/dbt
ENV TIDEGATE_MODEL__DBT=/opt/dbt/bin/dbt

FROM runtime AS sandbox
COPY --from=build-sandbox /added/ /
USER 0:0
RUN install --directory --owner tidegate --group tidegate --mode 0750 /var/lib/sandbox
USER 10001:10001
# Each part by its own command: `python -m sandbox.serve salesforce|temporal|postgres|s3`.
ENV HOME=/var/lib/sandbox
HEALTHCHECK NONE
