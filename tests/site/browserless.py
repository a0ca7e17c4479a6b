"""An agent without a browser: keeps cookies, sends forms, goes past any proxy."""

import re
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar


class Visitor:
    """Asks for pages of the portal at ``address``."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
        )

    def get(self, path: str) -> str:
        with self._opener.open(self.address + path, timeout=30) as response:
            return response.read().decode()

    def send(self, page: str, path: str, **fields: str) -> str:
        """Send the form for ``path`` on ``page``, with what it hides, and give where it leads."""
        content = urllib.parse.urlencode(hidden_fields(page, path) | fields).encode()
        request = urllib.request.Request(self.address + path, content)
        request.add_header("Origin", self.address)
        with self._opener.open(request, timeout=30) as response:
            return response.url

    def sign_in(self, username: str, password: str) -> str:
        page = self.get("/auth/login/")
        return self.send(page, "/auth/login/", login=username, password=password)


def hidden_fields(page: str, action: str) -> dict[str, str]:
    """Give the hidden fields of the form that goes to ``action``."""
    form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', page, re.DOTALL)
    assert form, f"no form for {action}"
    inputs = re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", form[0])
    return {_attribute(each, "name"): _attribute(each, "value") for each in inputs}


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'{name}="([^"]*)"', tag)
    return found[1] if found else ""
