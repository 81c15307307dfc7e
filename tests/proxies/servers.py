"""nginx and HAProxy as they are usually configured, as processes of their own in front of a gateway."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import until
from tests.ports import free_port

NGINX_HEAD = """
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;"""
# The forms of each one's own documentation: a bare proxy_pass, and the one for WebSockets.
NGINX = (
    NGINX_HEAD
    + """
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    server {{
        listen 127.0.0.1:{port};
        location /v1/live {{
            proxy_pass http://127.0.0.1:{target};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }}
        location / {{
            proxy_pass http://127.0.0.1:{target};
        }}
    }}
}}
"""
)
NGINX_KEEP_ALIVE = (
    NGINX_HEAD
    + """
    upstream gateway {{ server 127.0.0.1:{target}; keepalive 16; }}
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://gateway;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }}
    }}
}}
"""
)
HAPROXY = """
global
    maxconn 256
defaults
    mode http
    option forwardfor
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout tunnel 1h
frontend public
    bind 127.0.0.1:{port}
    default_backend gateway
backend gateway
    server one 127.0.0.1:{target} check
"""
KINDS = {
    "nginx": ("nginx", NGINX, ["-p", "{directory}", "-e", "{directory}/error.log", "-c"]),
    "nginx with kept connections": (
        "nginx",
        NGINX_KEEP_ALIVE,
        ["-p", "{directory}", "-e", "{directory}/error.log", "-c"],
    ),
    "haproxy": ("haproxy", HAPROXY, ["-db", "-f"]),
}


@contextlib.contextmanager
def proxy(kind: str, target: int, directory: Path) -> Iterator[int]:
    """A running proxy; the port that it listens on. Skips the test where its program is not installed."""
    program, text, options = KINDS[kind]
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed: apt-get install {'nginx-light' if program == 'nginx' else program}")
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = directory / f"{program}.conf"
    config.write_text(text.format(directory=directory, port=port, target=target))
    log = directory / "output.log"
    command = [found, *(option.format(directory=directory) for option in options), str(config)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        until(lambda: process.poll() is not None or _answers(port), f"{kind} to listen")
        assert process.poll() is None, f"{kind} has ended: {log.read_text()}"
        yield port
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
