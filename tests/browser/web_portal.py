"""A portal with its real web server, for tests in which a page and a socket work together."""

import json
import shutil
import subprocess
import textwrap
from pathlib import Path

from playwright.sync_api import BrowserContext, Page

from tests.databases import copy_database
from tests.processes import Portal, wait_until

PASSWORD = "correct-horse-battery"

# The sessions in a database are signed; so all that it is copied to share the key.
SECRET_KEY = "what signs the sessions of portals in browsers under test, and nothing else"
SIGN_INS = "sign-ins.json"

_AGENTS = f"""
import json
from pathlib import Path
from tests.live import sign_in
from accounts.models import Account, Agent, Branch
lyon, _ = Branch.objects.get_or_create(code="lyon", name="Lyon Bellecour")
for role, branch in (
    ("teller", lyon), ("supervisor", lyon), ("auditor", None), ("operator", None)
):
    Agent.objects.create_user(role, password="{PASSWORD}", role=role, branch=branch)
for number, holder in (("C100", "Camille Lefèvre"), ("C200", "Boulangerie Martin")):
    Account.objects.get_or_create(number=number, defaults={{"holder": holder}})
Account.objects.update(branch=lyon)
keys = {{agent.username: sign_in(agent) for agent in Agent.objects.all()}}
Path({SIGN_INS!r}).write_text(json.dumps(keys))
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

_ON_DEMAND = """
import sys
for line in sys.stdin:
    for number in range(int(line)):
        ledger.post(submitted(100 + number, **today))
        time.sleep(0.02)
"""


class WebPortal(Portal):
    """A portal's database and its web server on a free port."""

    def __init__(self, folder: Path, source: Path, bootstrap_servers: str = "127.0.0.1:9") -> None:
        copy_database(source, folder)
        super().__init__(folder, bootstrap_servers, SECRET_KEY=SECRET_KEY)
        if (source / SIGN_INS).exists():
            shutil.copy(source / SIGN_INS, folder)

    def hire(self) -> None:
        """Make one agent of each role but administrator, and two accounts of their branch.

        Each has signed in.
        """
        self.python(_AGENTS.replace(repr(SIGN_INS), repr(str(self.folder / SIGN_INS))))

    def session_of(self, username: str) -> str:
        """The session of an agent who has signed in."""
        return json.loads((self.folder / SIGN_INS).read_text())[username]

    def post(self, code: str) -> None:
        """Run ``code`` with a ledger, ``today`` and the builders of events."""
        self.python(_POST.format(code=textwrap.dedent(code)))

    def post_on_demand(self) -> subprocess.Popen[bytes]:
        """Start a process that posts as many deposits as each line that it is written says."""
        code = "import django; django.setup()\n" + _POST.format(code=_ON_DEMAND)
        return self.spawn("poster", "-c", code, stdin=subprocess.PIPE)

    def serve(self, *before: str) -> str:
        """Start the web server and wait for it."""
        super().serve(*before)
        wait_until(self.answers, "the web server answers")
        return self.url

    def kill_web(self) -> None:
        """End the web server as a crash does."""
        assert self.web is not None
        self.web.kill()
        self.web.wait(10)


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
