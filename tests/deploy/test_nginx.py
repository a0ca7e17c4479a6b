"""The proxy's configuration by nginx's own word where it is here, and by what it has to say."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bankportal.web_server import LARGEST_BODY
from tests.deploy.deployments import DEPLOY, compose, containers, pods

TEXT = (DEPLOY / "nginx" / "nginx.conf").read_text(encoding="utf-8")
PLACES = dict(re.findall(r"^        location (\S+) \{\n(.*?)^        \}", TEXT, re.DOTALL | re.M))
UPSTREAMS = sorted((DEPLOY / "nginx").glob("upstream-*.conf"))


def version_of_nginx() -> tuple[int, ...]:
    program = shutil.which("nginx")
    if not program:
        return ()
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=False).stderr
    return tuple(map(int, re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", said).groups()))


@pytest.mark.skipif(version_of_nginx() < (1, 25, 1), reason="no nginx of 1.25.1 or newer is here")
@pytest.mark.parametrize("upstream", UPSTREAMS, ids=lambda path: path.stem)
def test_nginx_understands_it(tmp_path: Path, secrets: Path, upstream: Path) -> None:
    names = upstream.read_text(encoding="utf-8")
    if "resolve" in names and version_of_nginx() < (1, 27, 3):
        pytest.skip("This nginx knows no resolve.")
    (tmp_path / "upstream.conf").write_text(names.replace("web:", "localhost:"))
    (tmp_path / "mime.types").write_text("types {}")
    (tmp_path / "nginx.conf").write_text(
        TEXT.replace("/tmp/", f"{tmp_path}/")
        .replace("/etc/nginx/", f"{tmp_path}/")
        .replace("/run/secrets/", f"{secrets}/")
    )

    done = subprocess.run(
        ["nginx", "-t", "-e", "/dev/stderr", "-c", str(tmp_path / "nginx.conf")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


def test_browsers_are_spoken_to_by_modern_tls_alone() -> None:
    assert re.findall(r"ssl_protocols\s+(.*);", TEXT) == ["TLSv1.2 TLSv1.3"]
    assert 'Strict-Transport-Security "max-age=31536000' in TEXT
    assert "return 301 https://$host$request_uri;" in TEXT


def test_no_client_says_where_it_comes_from_or_how() -> None:
    said = dict(re.findall(r"proxy_set_header (\S+)\s+(\S+);", TEXT))

    assert said["X-Forwarded-For"] == "$remote_addr"
    assert said["X-Forwarded-Proto"] == "https"
    for name in ("X-Forwarded-Host", "X-Forwarded-Port", "Forwarded", "traceparent", "tracestate"):
        assert said[name] == '""'
    # One that is set in a location would undo all of these there.
    assert not [place for place, text in PLACES.items() if "proxy_set_header" in text]


def test_sockets_are_upgraded_and_outlive_a_heartbeat() -> None:
    assert "proxy_set_header Upgrade           $http_upgrade;" in TEXT
    assert "map $http_upgrade $connection_upgrade" in TEXT
    assert "proxy_buffering off;" in PLACES["/ws/"]
    seconds = int(re.search(r"proxy_read_timeout (\d+)s", PLACES["/ws/"])[1])
    # Of 5 s each.
    assert seconds >= 20


def test_it_takes_what_the_portal_takes_and_logs_nothing_of_customers() -> None:
    assert f"client_max_body_size  {LARGEST_BODY // 1024}k;" in TEXT
    log_format = re.search(r"log_format(.*?);", TEXT, re.DOTALL)[1]
    assert not re.search(r"\$(request|request_uri|uri|args|http_referer)\b", log_format)


def test_an_export_that_is_read_slowly_fills_no_disk_of_the_proxy() -> None:
    assert "proxy_max_temp_file_size 0;" in PLACES["/"]


def test_its_workers_leave_most_of_a_containers_memory_to_connections() -> None:
    [workers] = re.findall(r"^worker_processes (\w+);", TEXT, re.M)
    [connections] = re.findall(r"worker_connections (\d+);", TEXT)
    limits = [
        compose()["services"]["proxy"]["deploy"]["resources"]["limits"]["memory"],
        containers(pods()["proxy"])[0]["resources"]["limits"]["memory"],
    ]

    # A place for a connection and its two events, of nginx 1.30 on 64 bits.
    taken = int(workers) * int(connections) * 430
    assert all(taken < int(re.match(r"\d+", limit)[0]) * 2**20 / 10 for limit in limits)


def test_what_watches_the_portal_is_not_for_everybody() -> None:
    assert "return 404;" in PLACES["/health/"]
    assert "return 404;" in PLACES["/metrics"]
