"""A portal with its real web server, for tests in which a page and a socket work together."""

import shutil
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from playwright.sync_api import BrowserContext, Page

from tests.processes import ROOT, Portal, wait_until

DAPHNE = (sys.executable, "-m", "daphne")
PASSWORD = "correct-horse-battery"

_AGENTS = f"""
from accounts.models import Account, Agent, Branch
lyon, _ = Branch.objects.get_or_create(code="lyon", name="Lyon Bellecour")
for role, branch in (
    ("teller", lyon), ("supervisor", lyon), ("auditor", None), ("operator", None)
):
    Agent.objects.create_user(role, password="{PASSWORD}", role=role, branch=branch)
for number, holder in (("C100", "Camille Lefèvre"), ("C200", "Boulangerie Martin")):
    Account.objects.get_or_create(number=number, defaults={{"holder": holder}})
Account.objects.update(branch=lyon)
"""

# Another process posts, as the consumer would.
_POST = """
import time
from datetime import UTC, date, datetime
import tests.builders
from tests.builders import LedgerInTest, encode, opened, submitted, withdrawn
from accounts.ledger.messages import Delivered

def delivered_now(event, offset, partition=0):
    return Delivered(partition, offset, time.time_ns() // 1_000_000, *encode(event), 0)

tests.builders.delivered = delivered_now
today = {{"business_date": date.today(), "submitted_at": datetime.now(UTC)}}
ledger = LedgerInTest()
{code}
"""


class WebPortal(Portal):
    """A portal's database and its web server on a free port."""

    def __init__(
        self, folder: Path, database: Path, bootstrap_servers: str = "127.0.0.1:9"
    ) -> None:
        super().__init__(folder, bootstrap_servers)
        self.url = ""
        self.web: subprocess.Popen[bytes] | None = None
        self.database = folder / "bankportal.sqlite3"
        shutil.copy(database, self.database)

    def hire(self) -> None:
        """Make one agent of each role but administrator, and two accounts of their branch."""
        self.python(_AGENTS)

    def post(self, code: str) -> None:
        """Run ``code`` with a ledger, ``today`` and the builders of events."""
        self.python(_POST.format(code=textwrap.dedent(code)))

    def serve(self) -> str:
        """Start the web server, again on the same port if it ran before; give its address."""
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            port = int(self.url.rpartition(":")[2]) if self.url else 0
            listener.bind(("127.0.0.1", port))
            listener.listen(128)
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with (self.folder / "web.log").open("ab") as output:
                self.web = subprocess.Popen(
                    [*DAPHNE, "--fd", str(listener.fileno()), "bankportal.asgi:application"],
                    cwd=ROOT,
                    env=self.environment,
                    pass_fds=(listener.fileno(),),
                    stdout=output,
                    stderr=output,
                )
        self._processes.append(self.web)
        wait_until(self._answers, "the web server answers")
        return self.url

    def kill_web(self) -> None:
        """End the web server as a crash does."""
        assert self.web is not None
        self.web.kill()
        self.web.wait(10)

    def _answers(self) -> bool:
        try:
            # A proxy in the environment has no business with this machine.
            opener = build_opener(ProxyHandler({}))
            return opener.open(f"{self.url}/auth/login/", timeout=2).status == 200
        except OSError:
            return False


def sign_in(page: Page, username: str) -> None:
    """Sign in on the portal's own page."""
    page.goto("/auth/login/")
    page.fill("[name=login]", username)
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/auth/" not in url)


def french(context: BrowserContext, url: str) -> BrowserContext:
    """Let the context's pages be in French."""
    context.add_cookies([{"name": "django_language", "value": "fr", "url": url}])
    return context
