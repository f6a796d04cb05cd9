"""The page in a real browser, with names of any length and number: drawings keep their room, texts theirs, tables theirs."""

import pytest

from archlab.report import analyse, text
from tests.repeated import WHOLE
from tests.report.named import named_study, names, with_every_plot

SHORT = ["digits", "elpv", "pines", "textures", "glyphs"]
STUDIES = {
    "3 of 10": (names(10, 3), SHORT),
    "7 of 60": (names(60, 7), SHORT),
    "7 of 120, unbroken": (names(120, 7, breaks=False), names(120, 5, breaks=False, base="data")),
    "60 of 120": (names(120, 60), names(60, 5, base="stanford_dogs")),
}
if WHOLE:
    STUDIES["60 of 10"] = (names(10, 60), SHORT)
SLOW = ("60 of 10", "60 of 120")
CASES = [pytest.param(each, marks=pytest.mark.slow if each in SLOW else ()) for each in STUDIES]


@pytest.fixture(scope="module", params=CASES)
def page(request, tmp_path_factory):
    models, datasets = STUDIES[request.param]
    study = named_study(models, datasets, seeds=3)
    path = tmp_path_factory.mktemp("named") / "page.html"
    path.write_text(text(analyse([study]), "html"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    path = tmp_path_factory.mktemp("everything") / "page.html"
    analysis = with_every_plot(
        names(120, 9), names(60, 4, base="stanford_dogs"), names(60, 12, breaks=False, base="poodle")
    )
    path.write_text(text(analysis, "html"), encoding="utf-8")
    return path


MEASURED = """
document.querySelectorAll('details').forEach((details) => (details.open = true));
const box = (element) => { const it = element.getBoundingClientRect(); return [it.left, it.top, it.right, it.bottom]; };
return [...document.querySelectorAll('figure svg')].map((svg) => ({
  name: svg.getAttribute('aria-label'),
  svg: box(svg),
  drawn: [...svg.querySelectorAll('[id*="-drawing-"]')].map(box),
  texts: [...svg.querySelectorAll('text')].map((text) => [text.textContent, box(text)]).filter(([said]) => said.trim()),
}));
"""


def overlap(one, other):
    """How far two boxes reach into each other, across and down."""
    return min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])


def check_plots(browser, path, width):
    browser.open(path, width=width)
    plots = browser.run(MEASURED)
    assert len(plots) >= 8
    for plot in plots:
        left, top, right, bottom = plot["svg"]
        assert right <= width, plot["name"]
        assert sum(box[2] - box[0] for box in plot["drawn"]) >= 0.6 * (right - left), plot["name"]
        for at, (said, box) in enumerate(plot["texts"]):
            assert left - 1 <= box[0] and box[2] <= right + 1 and top - 1 <= box[1] and box[3] <= bottom + 2, (
                plot["name"],
                said,
            )
            for other, there in plot["texts"][:at]:
                across, down = overlap(box, there)  # the box of a text is higher than its letters
                assert across <= 2 or down <= 0.35 * (box[3] - box[1]), (plot["name"], said, other)
    return plots


@pytest.mark.parametrize("width", [400, 1200])
def test_drawings_keep_their_room_and_no_text_another(browser, page, width):
    check_plots(browser, page, width)


@pytest.mark.parametrize("width", [400, 1200])
def test_so_do_those_of_every_kind_of_plot(browser, everything, width):
    assert len(check_plots(browser, everything, width)) >= 19


def test_names_of_rows_stand_beside_the_drawing(browser, page):
    browser.open(page)
    for plot in browser.run(MEASURED):
        if not plot["name"].startswith(("xScore with", "Difference of", "Average ranks", "Accuracy in")):
            continue
        left, top, _, bottom = plot["drawn"][0]
        rows = [(said, box) for said, box in plot["texts"] if top <= (box[1] + box[3]) / 2 <= bottom]
        beside = [box for _, box in rows if (box[0] + box[2]) / 2 < left]
        assert beside and all(box[2] <= left for box in beside), plot["name"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1200])
def test_nothing_is_wider_than_the_page_and_numbers_stay_in_sight(browser, page, width, theme):
    browser.open(page, width=width, theme=theme)
    assert browser.complaints() == []
    browser.run("document.querySelectorAll('details').forEach((details) => (details.open = true))")
    assert browser.run("return document.documentElement.scrollWidth") <= width
    first = "return document.querySelector('#table-scores-scores tbody th').getBoundingClientRect().width"
    holder = "return document.querySelector('#scores .table .scroll').getBoundingClientRect().width"
    assert browser.run(first) <= 0.5 * browser.run(holder)


def test_it_stays_under_three_screens(browser, page):
    browser.open(page, width=1200)
    assert browser.run("return document.documentElement.scrollHeight") < 3 * 900


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1200])
def test_axe_finds_nothing_folded_or_open(browser, axe, everything, width, theme):
    browser.open(everything, width=width, theme=theme)
    for opened in ("false", "true"):
        browser.run(f"document.querySelectorAll('details').forEach((details) => (details.open = {opened}))")
        assert browser.violations(axe) == []
