"""A file is either the old or the new one, nothing is left beside it, and an error says in the user's words why."""

import errno
import os
import pickle
from pathlib import Path

import pytest

import graph_engine as ge
from graph_engine.files.placing import beside, write_beside


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.bin"
    write_beside(path, b"old")
    return path


def test_a_new_file_replaces_an_old_one_and_nothing_else_is_left(path):
    write_beside(str(path), b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(path.parent) == ["a.bin"]


@pytest.mark.parametrize("moment", ["builtins.open", "os.fsync", "os.replace", "pathlib.Path.write_bytes"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=["full", "interrupted"])
def test_a_failure_leaves_the_old_file_and_no_other(moment, error, path, monkeypatch):
    def fail(*_, **__):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(moment, fail)
        with pytest.raises(ge.FileError if isinstance(error, OSError) else KeyboardInterrupt):
            write_beside(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == ["a.bin"]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_what_was_written_by_half_is_removed_whatever_stops_it(error, path):
    with pytest.raises(type(error)), beside(path) as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == ["a.bin"]


def test_an_error_when_cleaning_up_does_not_hide_the_first(path, monkeypatch):
    def fail(*_, **__):
        raise OSError("gone")

    monkeypatch.setattr(Path, "unlink", fail)
    with pytest.raises(ge.FileError, match="first"), beside(path):
        raise OSError("first")


def test_a_link_stays_a_link_and_permissions_are_the_usual_ones(path):
    (path.parent / "link").symlink_to("a.bin")
    write_beside(path.parent / "link", b"new")
    assert (path.parent / "link").is_symlink() and path.read_bytes() == b"new"
    (path.parent / "plain").touch()
    assert path.stat().st_mode == (path.parent / "plain").stat().st_mode


def test_names_as_long_as_they_may_be(tmp_path):
    for name in ("m" * 255, "😀" * 63):
        write_beside(tmp_path / name, b"")
        assert (tmp_path / name).is_file()


# ---- errors ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number, kind", [(errno.ENOSPC, OSError), (errno.EACCES, PermissionError), (errno.ENOENT, FileNotFoundError)]
)
def test_an_error_is_also_the_one_of_the_system_and_names_the_users_path(number, kind, path, monkeypatch):
    def fail(*_):
        raise OSError(number, "the system says", ".a.bin.0.tmp")

    monkeypatch.setattr(os, "replace", fail)
    (path.parent / "link").symlink_to("a.bin")
    link = path.parent / "link"
    with pytest.raises(ge.FileError) as caught:
        write_beside(link, b"new")
    error = caught.value
    assert isinstance(error, kind)
    assert (error.errno, error.strerror, error.filename) == (number, "the system says", str(link))
    assert str(error) == f"'{link}' could not be written: the system says\n  what was there before is unchanged"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_folder_that_is_not_there(tmp_path):
    path = tmp_path / "nowhere" / "a.bin"
    with pytest.raises(FileNotFoundError, match=f"'{path}' could not be written: there is no folder {path.parent}\n"):
        write_beside(path, b"new")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name here")
def test_what_is_no_ordinary_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, what in (("pipe", "no ordinary file"), (".", "a folder")):
        with pytest.raises(OSError, match=f"could not be written: it is {what}"):
            write_beside(tmp_path / name, b"new")
    assert [path.is_fifo() for path in tmp_path.iterdir()] == [True]
