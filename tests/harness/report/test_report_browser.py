"""The page in a real browser: sorting, sliders, comparison, widths, themes, and no complaint."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from benchmarks import report
from tests.helpers import pages

pytest.importorskip("selenium", reason="selenium is not installed: pip install -e '.[dev]'")
pytestmark = pytest.mark.skipif(bool(pages.installed()[2]), reason=pages.installed()[2] or "none")


@pytest.fixture(scope="module")
def browser():
    with pages.opened(1440, dark=False) as browser:
        yield browser


def made(folder):
    assert report.main(["--folder", str(folder)]) == 0
    return folder / "report" / "index.html"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = pages.write(tmp_path_factory.mktemp("results"), pages.zoo())
    return made(folder).as_uri()


@pytest.fixture
def page(browser, address):
    pages.resize(browser, 1440, dark=False)
    browser.get(address)
    yield browser
    assert browser.get_log("browser") == []


def script(page, text, *arguments):
    return page.execute_script(f"return {text}", *arguments)


def texts(page, selector):
    found = "[...document.querySelectorAll(arguments[0])].filter(e => !e.closest('[hidden]'))"
    return script(page, f"{found}.map(e => e.textContent.trim())", selector)


def one(page, selector):
    from selenium.webdriver.common.by import By

    found = page.find_element(By.CSS_SELECTOR, selector)
    script(page, "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", found)
    return found


def choose(page, selector, value):
    from selenium.webdriver.support.select import Select

    Select(one(page, selector)).select_by_value(value)


def keys(page, selector, *names):
    from selenium.webdriver.common.keys import Keys

    found = one(page, selector)
    script(page, "arguments[0].focus()", found)
    found.send_keys(*(getattr(Keys, name) for name in names))


def tiles(page, row, column):
    """Class of a tile in the first data set's matrix."""
    cell = f"#data-0 .matrix tbody tr:not(.group):nth-of-type({row + 2}) td:nth-of-type({column})"
    return script(page, "document.querySelector(arguments[0]).firstElementChild.className", cell)


HEADS = ".sortable thead th:nth-child({}) button"
NAMES = ".sortable tbody th"


def test_a_click_sorts_by_what_is_better_and_a_second_one_turns_it_around(page):
    assert texts(page, NAMES) == ["good", "fair", "weak", "torn", "unadapted source"]
    one(page, HEADS.format(2)).click()
    assert texts(page, NAMES)[:3] == ["good", "fair", "weak"]
    assert one(page, ".sortable thead th:nth-child(2)").get_attribute("aria-sort") == "ascending"
    one(page, HEADS.format(2)).click()
    assert texts(page, NAMES) == ["unadapted source", "weak", "fair", "good", "torn"]
    assert one(page, ".sortable thead th:nth-child(2)").get_attribute("aria-sort") == "descending"


def test_the_order_is_never_that_of_a_column_that_is_hidden(page):
    head = ".sortable thead th[data-data='{}'][data-metric='{}']"
    ordered = "[...document.querySelectorAll('.sortable thead [aria-sort]:not([aria-sort=none])')]"
    shown = f"{ordered}.map(h => [h.dataset.data, h.dataset.metric, h.ariaSort, h.hidden])"
    one(page, head.format(pages.DATA[0], "kid@net") + " button").click()
    one(page, head.format(pages.DATA[0], "kid@net") + " button").click()  # the worst first
    choose(page, ".view", "m:intra@net")
    assert script(page, shown) == [[pages.DATA[0], "intra@net", "descending", False]]
    assert texts(page, NAMES)[:4] == ["weak", "fair", "good", "unadapted source"]
    choose(page, ".view", f"d:{pages.DATA[1]}")
    assert script(page, shown) == [[pages.DATA[1], "intra@net", "descending", False]]
    choose(page, ".view", f"d:{pages.DATA[0]}")
    one(page, head.format(pages.DATA[0], "landmarks@net") + " button").click()
    choose(page, ".view", "m:kid@net")
    assert script(page, shown) == [[pages.DATA[0], "kid@net", "ascending", False]]
    one(page, HEADS.format(1)).click()
    choose(page, ".view", f"d:{pages.DATA[1]}")
    assert texts(page, NAMES) == ["fair", "good", "torn", "unadapted source", "weak"]


def test_the_keyboard_sorts_names(page):
    keys(page, HEADS.format(1), "ENTER")
    assert texts(page, NAMES) == ["fair", "good", "torn", "unadapted source", "weak"]


def test_the_choice_shows_one_metric_on_all_data_or_one_data_set_with_all_metrics(page):
    assert texts(page, ".sortable thead .by-data") == list(pages.DATA)
    choose(page, ".view", f"d:{pages.DATA[1]}")
    shown = [t for t in texts(page, ".sortable thead .by-metric") if t]
    assert shown == ["KID ×1000 ↓", "intra-cluster ↑", "landmarks px ↓"]
    widths = "[...document.querySelectorAll('.sortable tbody tr')].map(r => [...r.cells]"
    assert set(script(page, f"{widths}.filter(c => !c.hidden).length)")) == {1 + 3 + 1 + 3}


def test_the_slider_over_layer_swap_changes_pictures_and_numbers_of_what_was_swapped(page):
    before = tiles(page, 0, 2), tiles(page, 0, 3)
    number = ".matrix tfoot tr:not([hidden]) td:nth-of-type(2) span"
    kid = texts(page, number)[0]
    keys(page, "#data-0 .level input", "RIGHT")
    assert texts(page, "#data-0 output")[0] == "up to 8 px"
    assert one(page, "#data-0 .level input").get_attribute("aria-valuetext") == "up to 8 px"
    after = tiles(page, 0, 2), tiles(page, 0, 3)
    assert before[0] != after[0]
    assert "none" not in after[0]
    assert after[1] == f"{before[1]} whole"  # was never swapped: stays as it is, and is told apart
    assert (kid, texts(page, number)[0]) == ("10.1", "15.0")


def test_another_seed_shows_other_pictures_and_says_so_where_there_are_none(page):
    before = tiles(page, 0, 2)
    keys(page, "#data-0 .seeds input", "RIGHT")
    assert tiles(page, 0, 2) != before
    label = script(page, "document.querySelector('#data-0 td:nth-of-type(5) .t').ariaLabel")
    assert label == "torn, latent 1: no picture"


def test_two_methods_are_compared_tile_by_tile_with_a_wipe(page):
    choose(page, "#compare-left", "fair")
    choose(page, "#compare-right", "weak")
    count = script(page, "document.querySelectorAll('.wipe').length")
    assert count == 12
    assert texts(page, "#wipe .ends span") == ["fair", "weak"]
    first = "document.querySelector('.wipe').children"
    under, over = (script(page, f"{first}[{i}].className") for i in (0, 1))
    assert over == f"{tiles(page, 0, 3)} over"
    assert under == tiles(page, 0, 4)
    clip = "getComputedStyle(document.querySelector('.wipe .over')).clipPath"
    keys(page, "#wipe-at", "HOME")
    assert script(page, clip) == "inset(0px 100% 0px 0px)"
    keys(page, "#wipe-at", "END")
    assert script(page, clip) in ("inset(0px 0% 0px 0px)", "inset(0px)")
    assert texts(page, "#compare-numbers tbody tr:first-child td") == ["20.1 ± 0.1", "30.1 ± 0.1"]
    choose(page, "#compare-data", "1")
    assert texts(page, "#wipe .ends span") == ["fair", "weak"]


def test_the_comparison_begins_with_pictures_and_never_with_a_method_and_itself(page, tmp_path):
    folder = pages.write(tmp_path, pages.zoo())
    for strip in folder.rglob("*.webp"):
        if pages.DATA[0] in strip.name:
            strip.unlink()
    page.get(made(folder).as_uri())
    sets = [f"{name} source parafaces64, evaluation fewshot" for name in reversed(pages.DATA)]
    assert texts(page, "section.data h2") == sets  # those with pictures first
    assert script(page, "document.querySelector('#compare-data').value") == "0"
    assert texts(page, "#wipe .ends span") == ["source", "good"]
    choose(page, "#compare-data", "1")
    assert texts(page, "#wipe .ends span") == ["fair", "good"]


def test_the_name_over_a_column_leads_to_its_comparison_with_the_source(page):
    keys(page, "#data-1 .matrix thead th:nth-of-type(3) button", "ENTER")
    assert texts(page, "#wipe .ends span") == ["source", "fair"]
    assert script(page, "document.querySelector('#compare-data').value") == "1"
    assert script(page, "document.activeElement.id") == "compare-right"


def test_records_are_found_by_words(page):
    one(page, "#filter").send_keys(f"good {pages.DATA[1]} seed 2")
    assert texts(page, "#filtered") == ["1 of 25"]
    assert len(texts(page, ".run")) == 1


def test_a_method_is_listed_with_its_source_and_evaluation(page, tmp_path):
    runs = [*pages.zoo(), pages.record("good", pages.DATA[0], 0, 0.1, source="photo64")]
    page.get(made(pages.write(tmp_path, runs, pictures=False)).as_uri())
    listed = [" ".join(text.split()) for text in texts(page, ".runs > summary")]
    assert "good photo64, fewshot 1 run" in listed
    assert "good parafaces64, fewshot 6 runs" in listed


@pytest.mark.parametrize("width", [1440, 390])
def test_the_section_bar_is_one_line_that_nothing_cuts(page, tmp_path, width):
    runs = [pages.record("good", f"parafaces_number_{i}", 0, 0.1) for i in range(20)]
    page.get(made(pages.write(tmp_path, runs, pictures=False)).as_uri())
    pages.resize(page, width, dark=False)
    bar = "document.querySelector('nav')"
    assert script(page, f"{bar}.scrollWidth <= {bar}.clientWidth && {bar}.offsetHeight < 60")
    edges = f"[...{bar}.querySelectorAll(':scope > ul > li')].map(e => e.getBoundingClientRect())"
    assert script(page, f"{edges}.every(r => r.left >= 0 && r.right <= {width})")
    one(page, ".sets summary").click()
    links = "[...document.querySelectorAll('.sets a')]"
    assert script(page, f"{links}.filter(e => e.checkVisibility()).length") == 20
    keys(page, ".sets a", "ENTER")
    assert script(page, "location.hash") == "#data-0"
    assert script(page, "document.querySelector('.sets').open") is False


@pytest.mark.parametrize("scale", [1.1, 1.75, 2.625])  # of zoomed pages and of telephones
def test_the_line_of_a_row_runs_on_below_the_column_that_sticks(page, scale):
    size = {"width": 390, "height": 900, "deviceScaleFactor": scale, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    table = one(page, ".sortable")
    script(page, "arguments[0].parentElement.scrollLeft = 137", table)
    rows = "[...arguments[0].tBodies[0].rows].map(r => r.getBoundingClientRect())"
    edges = script(page, f"{rows}.map(r => r.bottom)", table)
    left = script(page, "arguments[0].parentElement.getBoundingClientRect().left", table)
    shot = base64.b64decode(page.execute_cdp_cmd("Page.captureScreenshot", {})["data"])
    pixels = np.asarray(Image.open(io.BytesIO(shot)).convert("L")).astype(int)
    for bottom in edges[:-1]:  # below the last one lies the bar that scrolls
        band = pixels[round(scale * bottom) - 4 : round(scale * bottom) + 5]
        under, beside = (band[:, round(scale * (left + x))] for x in (1, 330))
        assert (under == beside).all()
        assert under.min() < under.max() - 10


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_every_width_and_theme_fits_and_can_be_read(page, width, dark):
    pages.resize(page, width, dark)
    assert script(page, "document.documentElement.scrollWidth") <= width
    contrast = """(() => {
      const light = (c) => c.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
        .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
      const paper = light(getComputedStyle(document.body).backgroundColor);
      const words = ['body', '.lead', '.legend', 'nav a', '#wipe .ends .left',
                     '#wipe .ends .right', '.run .failed', 'footer'];
      return words.map((w) => light(getComputedStyle(document.querySelector(w)).color))
        .map((l) => (Math.max(l, paper) + 0.05) / (Math.min(l, paper) + 0.05));
    })()"""
    assert min(script(page, contrast)) >= 4.5
    background = script(page, "getComputedStyle(document.body).backgroundColor")
    assert (int(background[4:].split(",")[0]) < 128) == dark


def test_the_keyboard_reaches_everything_that_can_be_used_or_scrolled(page):
    lost = """[...document.querySelectorAll('a,button,input,select,summary,.scroll,pre')]
      .filter((e) => e.tabIndex < 0).length"""
    assert script(page, lost) == 0
    unnamed = """[...document.querySelectorAll('input,select')]
      .filter((e) => !e.labels?.length && !e.ariaLabel).length"""
    assert script(page, unnamed) == 0


def test_what_comes_from_records_and_file_names_never_runs(browser, tmp_path):
    evil = pages.HOSTILE
    run = pages.record(evil, evil, 0, 0.01, overrides=[f"method.{evil}=1"], paper=evil,
                     warnings=[evil], left_out={evil: evil}, source=evil,
                     config={"data": {evil: evil}, "method": {evil: [evil]}})  # fmt: skip
    run["curves"][evil] = run["curves"]["loss_d"]
    run["provenance"]["commit"] = evil
    failed = pages.record(evil, evil, 1, 0, state="failed", reason=evil, metrics={})
    folder = pages.write(
        tmp_path, [run, failed, pages.record("good", evil, 2, 0.01)], pictures=False
    )
    (folder / "tiles").mkdir()
    browser.get(made(folder).as_uri())
    assert script(browser, "window.hacked") is None
    assert script(browser, "document.querySelectorAll('img').length") == 0
    assert script(browser, "document.scripts.length") == 2
    assert browser.get_log("browser") == []
    assert evil in script(browser, "document.body.textContent")
