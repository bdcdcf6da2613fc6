"""Running examples by name, and the page that shows them all."""

import re
from pathlib import Path

import pytest

import graph_engine as ge
from graph_engine import cli, gallery
from graph_engine.gallery import Example, Show

REACHES = '''"""Small: an example of nothing.

It says so.
"""
from graph_engine.gallery import Show, run


def main(show: Show) -> None:
    show.say("1 < 2 & so on")
    show.criterion("answer", 42, above=show.pick(41, quick=40))


if __name__ == "__main__":
    run(main)
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    examples = tmp_path / "examples"
    examples.mkdir()
    (examples / "good.py").write_text(REACHES)
    (examples / "bad.py").write_text(REACHES.replace("42", "float('nan')").replace("Small", "Bad"))
    (examples / "helper.py").write_text('"""No example."""\n')
    monkeypatch.setattr("graph_engine.gallery.catalogue._PLACES", (tmp_path / "nowhere", examples))
    return tmp_path


def test_examples_are_programs_with_a_main(folder):
    found = gallery.examples()
    assert list(found) == ["bad", "good"]
    assert found["good"].title == "Small: an example of nothing." and found["good"].text == "It says so."


def test_without_examples_the_error_says_where_they_are(monkeypatch):
    monkeypatch.setattr("graph_engine.gallery.catalogue._PLACES", (Path("no/such/folder"),))
    with pytest.raises(ge.GraphEngineError, match="from a checkout"):
        gallery.examples()


def test_the_list(folder, capsys):
    assert cli.main(["demo", "--list"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split(maxsplit=1) == ["good", "Small: an example of nothing."]


def test_one_by_name(folder, capsys):
    assert cli.main(["demo", "good", "--quick", "--out", str(folder / "out")]) == 0
    assert "answer: 42; criterion: above 40: reached" in capsys.readouterr().out
    assert "<p>1 program, 1 of which" in (folder / "out/index.html").read_text(encoding="utf-8")


def test_an_unknown_name_is_refused_before_anything_runs(folder, capsys):
    assert cli.main(["demo", "good", "godo", "--out", str(folder / "out")]) == 2
    assert "no example called 'godo'" in capsys.readouterr().err and not (folder / "out").exists()


def test_the_page_shows_everything_and_the_status_says_what_was_missed(folder, capsys):
    assert cli.main(["demo", "--all", "--out", str(folder / "out")]) == 1
    assert "criterion not reached: bad" in capsys.readouterr().err
    page = (folder / "out/index.html").read_text(encoding="utf-8")
    assert "1 of which reached" in page and page.count("<section") == 2
    assert "1 &lt; 2 &amp; so on" in page and "show.criterion(&quot;answer&quot;" in page
    assert not re.search(r"""(src|href)=["']https?:""", page), "nothing is fetched"


def test_an_example_that_fails_leaves_the_others_alone(folder, capsys):
    (folder / "examples/bad.py").write_text('"""Bad: fails."""\n\n\ndef main(show):\n    raise ValueError("2 < 1")\n')
    assert cli.main(["demo", "--all", "--out", str(folder / "out")]) == 1
    assert "criterion not reached: bad" in capsys.readouterr().err
    page = (folder / "out/index.html").read_text(encoding="utf-8")
    assert "ValueError: 2 &lt; 1" in page and "1 of which reached" in page
    assert cli.main(["demo", "bad", "--out", str(folder / "out")]) == 2
    assert "2 < 1" in capsys.readouterr().err


def test_pictures_are_linked_from_beside_the_page(folder):
    class Picture:
        def save(self, path):
            path.write_text("<svg/>")

    show = Show(folder / "out/some thing")
    show.save("a&b.svg", Picture(), "what one sees <here>")
    result = gallery.Result(Example("some thing", folder / "examples/good.py", "T", ""), show, 1.0)
    gallery.write_gallery([result], folder / "out/index.html")
    page = (folder / "out/index.html").read_text(encoding="utf-8")
    assert 'src="some thing/a&amp;b.svg"' in page and "what one sees &lt;here&gt;" in page


@pytest.mark.parametrize(("bounds", "reached"), [({"above": 1}, False), ({"below": 1}, False), ({"below": 2}, True)])
def test_a_bound_itself_does_not_count(bounds, reached):
    show = Show("out")
    show.criterion("value", 1, **bounds)
    assert show.criteria[0].reached is reached


def test_what_is_not_finite_reaches_nothing():
    show = Show("out")
    show.criterion("value", float("nan"), above=-1e300, below=1e300)
    assert not show.criteria[0].reached
    with pytest.raises(ge.DeclarationError, match="bound"):
        show.criterion("value", 1)
