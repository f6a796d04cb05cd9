"""The page in a real browser: it loads, works by mouse and keyboard, fits a phone, and passes an accessibility audit."""

import math
import re

import pytest

from archlab.report import analyse, read_material, text
from archlab.report.page import rendered
from archlab.report.section import Section
from archlab.report.table import Column, Table
from tests.report.made import made_study


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "study.html"
    path.write_text(text(analyse([made_study(datasets=5, seeds=2, noise=0.004)]), "html"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    path = folder / "zhang2025.html"
    path.write_text(text(analyse([read_material("zhang2025", folder)]), "html"), encoding="utf-8")
    return path


def test_it_is_small_and_asks_nothing_of_a_network(page):
    written = page.read_text(encoding="utf-8")
    links = re.findall(r'(?:src|href)="([^"]*)"', written)
    assert links
    assert all(link.startswith("#") or link == "data:," for link in links)
    assert "#00000" not in written, "a stand-in colour is left"


def test_it_answers_the_question_and_tells_kinds_apart(page):
    written = page.read_text(encoding="utf-8")
    assert "At equal parameters, does channel attention transfer better than token attention?</h1>" in written
    assert "At equal budget, attention=se is better than none" in written
    for section in (
        "scores",
        "accuracy",
        "effects",
        "costs",
        "stability",
        "comparison",
        "predictors",
        "subsets",
        "curves",
    ):
        assert f'<section id="{section}">' in written
    assert written.count('<tr data-role="variant"') == 3


def test_every_number_has_a_value_to_sort_by_the_first_of_a_row_and_an_infinite_one_too():
    columns = {"trial": Column("trial", "integer"), "runs": Column("runs", "number", 1)}
    table = Table.of("trials", "Trials.", columns, [{"trial": 3, "runs": 1.5}, {"trial": 12, "runs": math.inf}])
    rest = {"name": "it", "question": None, "answers": [], "facts": [], "warnings": [], "more_warnings": []}
    written = rendered("report.html", [Section("search", "Search", tables=[table])], **rest)
    assert re.findall(r'<th scope="row"[^>]* data-value="([^"]*)"', written) == ["3.0", "12.0"]
    assert re.findall(r'<td [^>]* data-value="([^"]*)"', written) == ["1.5", "Infinity"]


def test_identifiers_are_unique(browser, page):
    browser.open(page)
    twice = browser.run(
        "const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);"
        "return ids.filter((id, at) => ids.indexOf(id) !== at)"
    )
    assert twice == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1200])
def test_it_loads_without_a_complaint_and_fits(browser, page, published, width, theme):
    for path in (page, published):
        browser.open(path, width=width, theme=theme)
        assert browser.complaints() == []
        assert browser.run("return document.documentElement.scrollWidth") <= width
        assert browser.run("return innerWidth") == width


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1200])
def test_axe_finds_nothing_contrast_included(browser, axe, page, width, theme):
    browser.open(page, width=width, theme=theme)
    browser.run("document.querySelectorAll('details').forEach((details) => (details.open = true))")
    assert browser.violations(axe) == []


COLUMN = """
const rows = [...document.querySelectorAll('#table-scores-scores tbody tr')].filter((row) => !row.hidden);
return rows.map((row) => row.cells[arguments[0]].textContent);
"""


def header(browser, title):
    titles = browser.run(
        "return [...document.querySelectorAll('#table-scores-scores thead th')].map((th) => th.textContent)"
    )
    return titles.index(title)


def test_tables_sort_by_every_kind_of_column(browser, page):
    browser.open(page)
    for title, read in (("xScore", float), ("to base", lambda text: float(text.replace("−", "-"))), ("model", str)):
        at = header(browser, title)
        orders = []
        for _ in range(2):
            browser.run("document.querySelectorAll('#table-scores-scores thead button')[arguments[0]].click()", at)
            orders.append([read(cell) for cell in browser.run(COLUMN, at)])
        assert orders[0] == list(reversed(orders[1]))
        assert orders[0] in (sorted(orders[0]), sorted(orders[0], reverse=True))
        state = (
            "return document.querySelectorAll('#table-scores-scores thead th')[arguments[0]].getAttribute('aria-sort')"
        )
        assert browser.run(state, at) in ("ascending", "descending")


def test_sorting_works_by_keyboard(browser, page):
    from selenium.webdriver.common.keys import Keys

    browser.open(page)
    before = browser.run(COLUMN, 0)
    button = browser.driver.find_elements("css selector", "#table-scores-scores thead button")[0]
    button.send_keys(Keys.ENTER)
    after = browser.run(COLUMN, 0)
    assert after == sorted(before)


def test_rows_filter_by_words_and_by_role(browser, page):
    from selenium.webdriver.support.ui import Select

    browser.open(page)
    holder = browser.driver.find_element("css selector", "#scores .table")
    words = holder.find_element("css selector", "input[type=search]")
    words.send_keys("attention")
    assert len(browser.run(COLUMN, 0)) == 3
    words.send_keys(" eca")
    assert browser.run(COLUMN, 0) == ["mobilenetv2+attention=eca"]
    assert holder.find_element("css selector", "output").text == "1 of 8 rows"
    words.clear()
    words.send_keys(" ")
    Select(holder.find_element("css selector", "select")).select_by_visible_text("references")
    assert len(browser.run(COLUMN, 0)) == 5


@pytest.mark.slow
def test_missing_values_stay_below_either_way(browser, tmp_path):
    study = made_study(datasets=3, seeds=2)
    gone = (study.table["model"] == "starnet") & (study.table["dataset"] == "pines")
    study = type(study)(**{**vars(study), "table": study.table[~gone], "runs": []})
    path = tmp_path / "incomplete.html"
    path.write_text(text(analyse([study]), "html"), encoding="utf-8")
    browser.open(path)
    at = header(browser, "xScore")
    for _ in range(2):
        browser.run("document.querySelectorAll('#table-scores-scores thead button')[arguments[0]].click()", at)
        assert browser.run(COLUMN, at)[-1] == "–"


def test_it_prints_in_black_on_white_with_everything_unfolded(browser, page):
    browser.open(page, theme="dark")
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    style = "const style = getComputedStyle(document.body); return [style.backgroundColor, style.color]"
    assert browser.run(style) == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
    assert browser.run("return getComputedStyle(document.querySelector('nav')).display") == "none"
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.run("return document.querySelectorAll('details:not([open])').length") == 0


def test_without_script_the_page_is_complete(browser, page, tmp_path):
    still = tmp_path / "still.html"
    written = page.read_text(encoding="utf-8")
    still.write_text(written.replace("script-src 'unsafe-inline'", "script-src 'none'"), encoding="utf-8")
    browser.open(still)
    assert len(browser.run(COLUMN, 0)) == 8
    assert browser.run("return document.querySelectorAll('.filter').length") == 0
    browser.complaints()  # the refused script


OPEN = "return document.querySelector(arguments[0] + ' > details').open"


def test_all_is_folded_but_the_answer_the_scores_and_the_main_plot(browser, page, published):
    for path in (page, published):
        browser.open(path)
        assert browser.run("return document.querySelectorAll('details[open]').length") == 0
        assert browser.run("return document.documentElement.scrollHeight") < 3 * 900
        seen = "return document.querySelector(arguments[0]).checkVisibility({contentVisibilityAuto: true})"
        for shown in ("h1", "#scores svg", "#table-scores-scores tbody tr"):
            assert browser.run(seen, shown), shown
        assert not browser.run("return document.querySelector('#costs svg').checkVisibility()")


def test_what_is_folded_says_on_a_line_what_is_inside(browser, page):
    browser.open(page)
    said = browser.run(
        "return [...document.querySelectorAll('details.section > summary')].map((summary) =>"
        "[summary.querySelector('h2').textContent, summary.querySelector('.inside').textContent, summary.offsetHeight])"
    )
    assert len(said) >= 10 and all(inside and height < 48 for _, inside, height in said)
    told = {title: inside for title, inside, _ in said}
    assert told["What failed"] == "Nothing: every model has a result on every dataset."
    assert told["What it costs"].startswith("4 plots, 1 table · Not beaten in both parameters and xScore: ")


@pytest.mark.slow
def test_links_open_what_they_lead_to_again_and_again(browser, page):
    browser.open(page)
    link = browser.driver.find_element("css selector", "nav a[href='#costs']")
    for _ in range(2):
        browser.run(
            "scrollTo({top: 0, behavior: 'instant'})"
        )  # a click does not wait for a page that scrolls by itself
        link.click()
        assert browser.run(OPEN, "#costs") and not browser.run(OPEN, "#curves")
        assert browser.run("return document.querySelector('#costs svg').checkVisibility()")
        browser.run("document.querySelector('#costs > details').open = false")
    browser.driver.get(page.as_uri() + "#curves")
    browser.driver.refresh()
    assert browser.run(OPEN, "#curves")
    browser.driver.get(page.as_uri() + "#table-effects-all-comparisons")
    browser.driver.refresh()
    assert browser.run("return document.getElementById('table-effects-all-comparisons').checkVisibility()")
    assert browser.complaints() == []


@pytest.mark.slow
def test_everything_opens_by_keyboard(browser, page):
    from selenium.webdriver.common.keys import Keys

    browser.open(page)
    for summary in browser.driver.find_elements("css selector", "details.section > summary"):
        summary.send_keys(Keys.ENTER)
    for summary in browser.driver.find_elements(
        "css selector", "details details > summary, section > details.more > summary"
    ):
        summary.send_keys(Keys.SPACE)
    assert browser.run("return document.querySelectorAll('details:not([open])').length") == 0


@pytest.mark.slow
def test_the_print_has_all_that_the_page_folds_and_scrolls_with_script_or_without(browser, page, tmp_path):
    import base64

    still = tmp_path / "still.html"
    written = page.read_text(encoding="utf-8")
    still.write_text(written.replace("script-src 'unsafe-inline'", "script-src 'none'"), encoding="utf-8")
    for path in (page, still):
        browser.open(path)
        printed = base64.b64decode(browser.driver.execute_cdp_cmd("Page.printToPDF", {})["data"])
        assert printed.count(b"/Type /Page\n") >= 8
    browser.complaints()  # the refused script


@pytest.mark.slow
def test_long_texts_and_many_warnings_go_on_when_opened(browser, page, tmp_path):
    from archlab.report.page import LONG_TEXT, in_two

    for text_of in ("One is better. " * 60, "a, " * 400, "x" * 2000, "word " * 300):
        start, rest = in_two(text_of)
        assert len(start) <= LONG_TEXT and (start + rest).replace(" ", "") == text_of.replace(" ", "")
    assert in_two("short") == ("short", "")
    analysis = analyse([made_study(datasets=3, seeds=2)])
    warned = type(analysis)(**{**vars(analysis), "warnings": [f"warning {at}" for at in range(9)]})
    path = tmp_path / "warned.html"
    path.write_text(text(warned, "html"), encoding="utf-8")
    browser.open(path)
    shown = "return [...document.querySelectorAll('.warnings li')].map((item) => item.checkVisibility())"
    assert browser.run(shown) == [True] * 3 + [False] * 6
