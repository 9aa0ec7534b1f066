"""Synthetic results with strips for the tests of the page, and a browser to see it in."""

import io
import json
import shutil
from contextlib import contextmanager

import numpy as np
from PIL import Image

from benchmarks.harness.records.record import SCHEMA, Record
from benchmarks.harness.report import strip_files
from tests.helpers.records import PROVENANCE

SCRIPT = "window.hacked=1"
HOSTILE = f"x\"'><script>{SCRIPT}</script><img src=x onerror={SCRIPT}>&amp;é漢\u202e</style>"
METHODS = {"good": 0.010, "fair": 0.020, "weak": 0.030}
DATA = ("parafaces_a", "parafaces_b")


def record(method, data, seed, kid, level=0, **changed):
    """A sound record with curves."""
    rng = np.random.default_rng([seed, len(method), level])
    kimg = [0.1 * i for i in range(1, 25)]
    base = {
        "schema": SCHEMA, "method": method, "data": data, "source": "parafaces64",
        "eval": "fewshot",
        "seed": seed, "recipe": f"{sum(map(ord, method + data)) + level:08x}",
        "overrides": [f"swap.resolution={level}"] if level else [],
        "paper": "arXiv:1912.04958",
        "metrics": {
            "kid@net": {"value": kid, "better": "lower", "n": 9, "details": {"source": 0.5}},
            "intra@net": {"value": 0.3 + 10 * kid, "better": "higher", "n": 9, "details": {}},
            "landmarks@net": {"value": 1 + 0.1 * len(method), "better": "lower", "n": 9},
        },
        "left_out": {"identity@net": "the method has no trained source to compare with."},
        "cost": {"images": 2400, "seconds": 60.0 + 9e3 * kid, "trainable": 30, "peak_bytes": 4},
        "curves": {"kimg": kimg, "loss_d": rng.random(24).tolist(), "p": [0.0] * 24},
        "provenance": dict.fromkeys((*PROVENANCE, "code"), "x")
        | {"started": "2026-01-01T00:00:00+00:00", "device": "cpu", "shots_sha256": data},
        "config": {
            "eval": {"samples": 9, "seed": 3},
            "data": {"style": data},
            "swap": {"resolution": level},
            "method": {"lr": 0.002, "betas": [0.0, 0.99]},
        },
    }  # fmt: skip
    return base | changed


def zoo():
    """Three methods on two data sets with three seeds; one is swapped, one diverges once."""
    runs = [
        record(method, data, seed, kid + 0.0001 * seed)
        for method, kid in METHODS.items()
        for data in DATA
        for seed in range(3)
    ]
    runs += [record("good", DATA[0], seed, 0.015, level) for seed in range(3) for level in (8, 16)]
    return [
        *runs,
        record("torn", DATA[0], 0, 0.0, metrics={}, state="failed", reason="loss is nan"),
    ]


def strip(tiles, seed, side=16):
    """A WebP of random tiles, another one for every seed."""
    rng = np.random.default_rng(seed)
    tones = rng.integers(0, 255, (1, tiles, 3), dtype=np.uint8).repeat(side, 0).repeat(side, 1)
    out = io.BytesIO()
    Image.fromarray(tones).save(out, "WEBP", quality=85)
    return out.getvalue()


def write(folder, runs, pictures=True):
    """Records and strips as they lie in a folder of results; the folder."""
    (folder / "runs").mkdir(parents=True)
    for i, run in enumerate(runs):
        own = Record.from_json(run)
        (folder / "runs" / f"{i:03}.json").write_text(json.dumps(run), encoding="utf-8")
        if pictures and run.get("state") != "failed":
            place = strip_files.place(folder, own)
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{own.name}.webp").write_bytes(strip(12, i))
            for part, tiles in (("shots", 10), ("source", 12), ("truth", 4)):
                path = place / f"{strip_files.scene(own)}--{part}.webp"
                path.write_bytes(strip(tiles, 1000 + tiles))
    return folder


def installed():
    """Chromium and its driver, or why there is no browser to test in."""
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next(filter(None, map(shutil.which, names)), "")
    driver = shutil.which("chromedriver") or ""
    if not browser or not driver:
        return "", "", "neither Chromium nor Chrome is installed with its chromedriver"
    return browser, driver, ""


@contextmanager
def opened(width, dark):
    """A headless browser of a width in CSS pixels, its log kept."""
    from selenium import webdriver

    binary, driver, _ = installed()
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        resize(browser, width, dark)
        yield browser
    finally:
        browser.quit()


def resize(browser, width, dark):
    """Show the page in another width, light or dark."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
