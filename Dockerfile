# One image for every architecture that Python and the wheels of our dependencies exist for.
#
# 3.14 is the newest Python for which every dependency has a wheel on x86_64 and aarch64: nothing is compiled,
# and the runtime image needs no compiler.
ARG PYTHON_VERSION=3.14

FROM python:${PYTHON_VERSION}-slim AS build
WORKDIR /src
COPY pyproject.toml setup.py MANIFEST.in README.md LICENSE ./
COPY proto proto
COPY l7mp_mesh l7mp_mesh
COPY xds_server xds_server
RUN python -m venv /opt/l7mp-mesh
RUN /opt/l7mp-mesh/bin/pip install --disable-pip-version-check --no-compile .

FROM python:${PYTHON_VERSION}-slim
COPY --from=build /opt/l7mp-mesh /opt/l7mp-mesh
# By path, so that l7mp-mesh, l7mpctl and xds-server can all be called.
ENV PATH=/opt/l7mp-mesh/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# A number, so that Kubernetes can verify `runAsNonRoot`; it needs no entry in /etc/passwd.
USER 65532:65532
# SIGTERM drains. There is no port to expose and nothing to probe before a configuration says so.
STOPSIGNAL SIGTERM
ENTRYPOINT ["l7mp-mesh"]
CMD ["--help"]
