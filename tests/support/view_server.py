"""``harness view`` in a process of its own, and a page that notes what it complains of."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

PLUGIN = ROOT / "plugins" / "harness_view" / "plugin.py"
COMMAND = [sys.executable, "-m", "harness", "--plugin", str(PLUGIN), "view"]


class Server:
    """The command, until it is ended."""

    def __init__(self, root: Path, cache: Path, port: int = 0) -> None:
        self._process = subprocess.Popen(
            [*COMMAND, str(root), "--port", str(port)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "HARNESS_CACHE": str(cache)},
        )
        line = self._process.stdout.readline()
        found = re.search(r"Open (http://127\.0\.0\.1:(\d+)/([\w-]+)/)", line)
        assert found, line
        self.url, self.port, self.token = found[1], int(found[2]), found[3]

    def wait(self) -> None:
        """Until everything is read and ranked."""
        for _ in range(600):
            status, _, text = self.get("state/")
            if status == 200 and json.loads(text)["work"] == "":
                return
            time.sleep(0.1)
        raise AssertionError("it is never done")

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
        return self.ask("GET", f"/{self.token}/{path}", **headers)

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, given)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, dict(answer.getheaders()), text

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process.stdout.close()

    def end(self) -> None:
        """Ctrl-C, as a person ends it."""
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=60)
        assert self._process.returncode == 0


def watched(context: BrowserContext, origin: str) -> tuple[Page, list[str]]:
    page, complaints = context.new_page(), []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on(
        "console",
        lambda each: complaints.append(each.text) if each.type == "error" else None,
    )
    page.on(
        "request",
        lambda each: None if each.url.startswith(origin) else complaints.append(each.url),
    )
    return page, complaints
