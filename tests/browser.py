"""A real browser for tests: headless Chromium, spoken to through a pipe by its DevTools protocol.

Neither a driver nor a port is needed: with --remote-debugging-pipe Chromium reads commands from its file
descriptor 3 and writes answers and events to 4, each a JSON object that ends with a zero byte.
Source: https://chromedevtools.github.io/devtools-protocol/

Without Chromium the tests are skipped, but for CI (`CI=true`), where they fail.
"""

import json
import os
import select
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
NOT_NEEDED = "gpu dev-shm-usage background-networking component-update extensions sync".split()
FLAGS = (
    "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--hide-scrollbars",
    "--no-sandbox",  # it opens nothing but the report, and as root it has none
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # so that no name is looked up on any network
    *(f"--disable-{feature}" for feature in NOT_NEEDED),
)  # fmt: skip
TIMEOUT = 60  # seconds until an answer counts as missing, on a busy machine too

# Functions in JavaScript that tests ask of a page.
CHECKS = (Path(__file__).parent / "page_checks.js").read_text(encoding="utf-8")


class Browser:
    """One tab."""

    def __init__(self, reading, writing):
        self._reading, self._writing = reading, writing
        self._rest, self._count, self._session = b"", 0, None
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method, **params):
        """Send a command, and return its result."""
        self._count += 1
        session = {"sessionId": self._session} if self._session else {}
        message = {"id": self._count, "method": method, "params": params, **session}
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._count:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def open(self, path):
        """Open a file, and wait until it is loaded."""
        self.events.clear()
        self.send("Page.navigate", url=path.resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def resize(self, width, height=900, *, dark=False):
        """Set the size of the window, and the colours that its reader prefers."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.send("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", media="screen", features=[scheme])

    def ask(self, expression):
        """Evaluate JavaScript on the page, whatever scripts its policy allows."""
        whole = f"(() => {{ {CHECKS}; return {expression} }})()"
        done = self.send("Runtime.evaluate", expression=whole, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def happened(self, *methods):
        """Return the events of these kinds since the page was opened."""
        return [event["params"] for event in self.events if event.get("method") in methods]

    def requests(self):
        """Return the addresses that were asked for since the page was opened, its own first."""
        sent = self.happened("Network.requestWillBeSent")
        return [url for one in sent if not (url := one["request"]["url"]).startswith("data:")]

    def _next(self):
        end = time.monotonic() + TIMEOUT
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._reading], [], [], max(0, end - time.monotonic()))
            chunk = os.read(self._reading, 1 << 16) if ready else b""
            assert chunk, "the browser does not answer"
            self._rest += chunk
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)


@contextmanager
def browser(profile):
    """Start a Chromium with an empty profile, give its one tab, and end it."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        missing = f"no browser is installed: none of {', '.join(NAMES)} is on the path"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    commands, writing = os.pipe()
    reading, answers = os.pipe()
    # the shell moves the two ends to where Chromium expects them
    script = f'exec "$0" "$@" 3<&{commands} 4>&{answers}'
    command = ["bash", "-c", script, program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = subprocess.Popen(command, pass_fds=(commands, answers), **silent)
    os.close(commands)
    os.close(answers)
    try:
        yield Browser(reading, writing)
    finally:
        os.close(writing)  # which ends it
        os.close(reading)
        try:
            started.wait(10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
