"""A browser for the tests of pages."""

import shutil

import pytest


def start_chrome(binary, width, height):
    """Return a headless Chromium that keeps what its console says and what it asks for."""
    webdriver = pytest.importorskip("selenium.webdriver")
    driver = shutil.which("chromedriver")
    if driver is None:
        pytest.skip("no chromedriver on PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = str(binary)
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    resize(chrome, width, height)
    return chrome


def resize(chrome, width, height):
    """Give the page so many pixels."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
