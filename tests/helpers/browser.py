"""Headless Chromium for the tests that use a page as a person does.

The browser may reach this machine only, so a page that asks for anything else shows in the test. Tests
are skipped, with a reason, where there is no Chromium; ``CHROMIUM``, ``CHROMEDRIVER`` and ``AXE`` name
the files if they are in unusual places.
"""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
SWITCHES = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking "
    "--disable-component-update --disable-sync --disable-extensions --no-first-run --hide-scrollbars "
    "--disable-features=Translate,OptimizationHints,MediaRouter"
)
AXE_PLACES = (".tools/axe.min.js", "node_modules/axe-core/axe.min.js")


@contextmanager
def open_browser(profile: Path) -> Iterator[Any]:
    """Run a Chromium of its own, whose profile is a folder that is empty."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    driver = os.environ.get("CHROMEDRIVER") or shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("Chromium or chromedriver is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for switch in SWITCHES.split(" "):
        options.add_argument(switch)
    # Whatever is not this machine cannot be found.
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    options.add_argument(f"--user-data-dir={profile}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options, webdriver.ChromeService(driver))
    try:
        yield chrome
    finally:
        chrome.quit()


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve ``folder`` on this machine and give its address, without a slash at the end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def show(
    browser: Any, url: str, *, width: int = 1280, height: int = 900, dark: bool = False, script: bool = True
) -> None:
    """Open ``url`` afresh in a window of the given size, colours and with or without JavaScript."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not script})
    # A change of the fragment alone would keep the page and its state.
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get(url)


def read_complaints(browser: Any) -> list[str]:
    """Return what the browser has complained of since ``show``: errors, refusals, failed requests."""
    return [entry["message"] for entry in browser.get_log("browser") if "favicon" not in entry["message"]]


def list_requests(browser: Any) -> list[str]:
    """Return the addresses of everything that the page has loaded."""
    script = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    return [name for name in browser.execute_script(script) if not name.endswith("favicon.ico")]


def run_axe(browser: Any, selector: str = "html") -> list[str]:
    """Return axe-core's violations within ``selector``: rule, what is wrong and where."""
    places = [Path(os.environ["AXE"])] if "AXE" in os.environ else [ROOT / place for place in AXE_PLACES]
    axe = next((place for place in places if place.is_file()), None)
    if axe is None:
        pytest.skip("axe-core is not installed; see the Makefile")
    browser.execute_script(axe.read_text(encoding="utf-8"))
    found = browser.execute_async_script(
        "const [selector, done] = arguments;"
        "const fail = (error) => done([{id: String(error), help: '', nodes: []}]);"
        "axe.run(selector).then((result) => done(result.violations), fail)",
        selector,
    )
    return [f"{v['id']}: {v['help']}: {[node['target'] for node in v['nodes']][:3]}" for v in found]
