import json
import re

import pypdf
import pytest

import graph_engine as ge
import graph_engine_viz as viz
from tests.viz.pictures import lecture, odd_names, parsed, perceptron, variables


def film(html):
    return json.loads(re.search(r'<script type="application/json" id="film">(.*?)</script>', html, re.DOTALL)[1])


def test_steps_are_a_sequence_of_drawings():
    steps = viz.steps(lecture())
    assert len(steps) == 5 and [parsed(drawing.svg).get("data-step") for drawing in steps] == list("01234")
    assert steps[-1].svg == viz.draw(lecture(), step=4).svg
    with pytest.raises(ge.LookupFailed):
        steps[5]


@pytest.mark.parametrize("name", ["pictures", "pictures/"])
def test_a_path_without_a_suffix_is_a_folder_of_pictures(tmp_path, name):
    viz.steps(lecture()).save(f"{tmp_path}/{name}")
    files = sorted((tmp_path / "pictures").iterdir())
    assert [file.name for file in files] == [f"step-0{n}.svg" for n in range(1, 6)]
    assert variables(files[3].read_text())["w"].get("data-grad") == "-4.0"


def test_a_pdf_has_a_page_for_each_step(tmp_path):
    viz.steps(lecture()).save(tmp_path / "f.pdf")
    assert len(pypdf.PdfReader(tmp_path / "f.pdf").pages) == 5


def test_the_page_asks_nobody_for_anything(tmp_path):
    viz.steps(lecture(), title="The <lecture>").save(tmp_path / "f.html")
    page = (tmp_path / "f.html").read_text()
    assert "default-src 'none'" in page and "<title>The &lt;lecture&gt;</title>" in page
    addresses = set(re.findall(r"""(?:https?:)?//[a-z][^"'\s<]*""", page))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<(?:script|img|link|iframe)[^>]+(?:src|href)=[\"'](?!data:,)", page)


def test_the_page_carries_the_texts_of_every_step():
    steps = film(viz.steps(lecture()).html)["steps"]
    assert [step["phase"] for step in steps] == ["forward"] * 2 + ["backward"] * 3
    assert "∂" in steps[3]["rule"] and "step 4 of 5" in steps[3]["title"]
    assert len(steps[3]["substeps"]) == 2 and "grad(w) = multiply(grad(f), z)" in steps[3]["substeps"][0]


def test_parts_are_written_once_for_each_look_that_they_have():
    parts = film(viz.steps(lecture()).html)["parts"]
    for part in parts.values():
        assert 1 < len(part["looks"]) == len(set(part["looks"]))
        assert part["changes"][0] == [0, 0]
    assert "frames" not in parts


def test_the_script_is_the_one_that_the_policy_allows():
    import base64
    import hashlib

    page = viz.steps(lecture()).html
    script = re.search(r'<script type="module">(.*?)</script>', page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page


def test_names_of_users_cannot_get_out_of_their_place():
    page = viz.steps(odd_names()).html
    assert page.count("<script") == 2 and "alert('x')&\"" not in page


def test_a_notebook_shows_the_page_in_a_frame():
    html = viz.steps(lecture())._repr_html_()
    assert html.startswith("<iframe") and "srcdoc=" in html and "<!DOCTYPE" not in html


def test_a_perceptron_makes_a_page_of_reasonable_size():
    assert len(viz.steps(perceptron()).html) < 500_000


def test_a_trace_of_too_many_steps_is_refused():
    value = ge.input("x")
    for _ in range(2_600):
        value = value + 1.0
    trace = ge.Engine("numpy").trace(value, {"x": 0.0})
    with pytest.raises(ge.DeclarationError, match="5,000 at most"):
        _ = viz.steps(trace).html


def test_what_cannot_be_saved_is_refused(tmp_path):
    with pytest.raises(ge.FileError, match=r"\.gif"):
        viz.steps(lecture()).save(tmp_path / "f.gif")
