"""Analyses; and a headless Chromium, driven by Selenium: tests that need it are skipped, with the reason, without it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from archlab.report import analyse, read_material
from tests.report.made import made_study

ROOT = Path(__file__).parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


class Browser:
    """A page as a reader has it: on a screen of some width, in the light or dark."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, path: Path, *, width: int = 1200, theme: str = "light") -> None:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        self.driver.get(path.as_uri())

    def run(self, script: str, *arguments):
        return self.driver.execute_script(script, *arguments)

    def violations(self, axe: str) -> list[str]:
        """What the audit finds in the page as it is, contrast included."""
        self.run(axe)
        return self.driver.execute_async_script(
            "const done = arguments[0];"
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
            ".then((result) => done(result.violations.map((found) =>"
            "found.id + ': ' + found.nodes.map((node) => node.html.slice(0, 120)).join(' | '))))"
        )

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver = (shutil.which(name) for name in ("chromium", "chromedriver"))
    if not chromium or not driver:
        pytest.skip("no chromium and chromedriver (Debian: apt-get install chromium chromium-driver)")
    options = selenium.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    from selenium.webdriver.chrome.service import Service

    started = selenium.Chrome(options=options, service=Service(driver))
    yield Browser(started)
    started.quit()


@pytest.fixture(scope="session")
def axe() -> str:
    path = Path(os.environ.get("AXE_CORE", AXE))
    if not path.exists():
        pytest.skip("no axe-core (npm install --no-save axe-core, in the root of the repository)")
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    return analyse([read_material("zhang2025", tmp_path_factory.mktemp("home"))])


@pytest.fixture(scope="session")
def study():
    return analyse([made_study(datasets=4, seeds=3)])
