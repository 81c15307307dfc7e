# Three stages: the page, the wheel, and what runs. Build: docker build -t grandstand .
FROM node:20-bookworm-slim AS page
WORKDIR /src/dashboard
COPY dashboard/package.json dashboard/package-lock.json dashboard/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY dashboard/ ./
RUN npm run build

FROM python:3.11-slim-bookworm AS wheel
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements.lock pyproject.toml setup.py README.md LICENSE ./
RUN python -m venv /opt/grandstand \
 && /opt/grandstand/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.lock
COPY native/ native/
COPY gateway/ gateway/
COPY --from=page /src/gateway/page gateway/page
RUN /opt/grandstand/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation . \
 && /opt/grandstand/bin/pip uninstall --yes --quiet cython hypothesis mypy pytest ruff import-linter uv

FROM python:3.11-slim-bookworm
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
