"""What replaces the ledger as a whole keeps out of a running portal, and the portal out of it."""

import os
import socket
import sys

from tests.processes import wait_until
from tests.site.test_start import PORTAL, on, once


def test_a_running_portal_is_named_and_nothing_is_changed(run, kafka, tmp_path):
    servers = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "KAFKA_TOPIC": "maintained"}
    portal = run(PORTAL, environment=on(tmp_path, **servers))
    wait_until((tmp_path / "address.txt").exists, "it runs")

    restore = once(tmp_path, "manage.py", "restore", str(tmp_path), **servers)

    assert restore.returncode == 1
    assert f"The portal runs on {tmp_path} (process {portal.process.pid})" in restore.stderr
    assert "Traceback" not in restore.stderr


def test_a_web_server_without_its_portal_is_named_too(run, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        os.set_inheritable(listener.fileno(), True)
        web = run(
            [sys.executable, "-m", "bankportal.web", str(listener.fileno())],
            environment=on(tmp_path),
            pass_fds=(listener.fileno(),),
        )
        wait_until((tmp_path / "ledger-in-use.lock").exists, "it runs")
        wait_until(
            lambda: "in use by" in once(tmp_path, "manage.py", "restore", str(tmp_path)).stderr,
            "it is in the way",
        )

        restore = once(tmp_path, "manage.py", "restore", str(tmp_path))

    assert restore.returncode == 1
    assert f"bankportal.web (process {web.process.pid})" in restore.stderr
