# Three stages: the page, the wheel with its dependencies, and what runs. Build: docker build -t grandstand .
FROM node:22-bookworm-slim AS page
WORKDIR /src/dashboard
COPY dashboard/package.json dashboard/package-lock.json dashboard/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY dashboard/ ./
RUN npm run build

FROM python:3.13-slim-bookworm AS wheel
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.lock requirements.runtime.lock ./
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes -r requirements.lock \
 && python -m venv --without-pip /opt/grandstand \
 && pip --python /opt/grandstand/bin/python install --require-hashes -r requirements.runtime.lock
COPY pyproject.toml setup.py README.md LICENSE ./
COPY native/ native/
COPY gateway/ gateway/
COPY --from=page /src/gateway/page gateway/page
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && pip --python /opt/grandstand/bin/python install --no-deps /wheels/*.whl

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /var/lib/grandstand --create-home grandstand
COPY --from=wheel /opt/grandstand /opt/grandstand
ENV PATH=/opt/grandstand/bin:$PATH \
    GRANDSTAND_LISTEN__HOST=0.0.0.0 \
    GRANDSTAND_ADMIN__HOST=0.0.0.0 \
    GRANDSTAND_BUS__EMBEDDED_DIR=/var/lib/grandstand/store \
    GRANDSTAND_OBSERVE__LOG_FORMAT=json
USER grandstand
WORKDIR /var/lib/grandstand
VOLUME /var/lib/grandstand
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9090/readyz', timeout=2)"]
ENTRYPOINT ["grandstand"]
CMD ["serve"]
