"""Parameters in files: complete, for this model, and written all or nothing."""

import contextlib
import os
import random
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from saved_models import perceptron, same, training_step

import graph_engine as ge
from graph_engine.files import load_parameters, save_parameters, tensors


@pytest.fixture
def trained():
    """An engine after two steps, and what continues it."""
    loss, feeds = perceptron()
    engine = ge.Engine("numpy")
    step = training_step(engine, loss)
    values = [feeds[v.name] for v in step.inputs]
    for _ in range(2):
        step(*values)
    return engine, step, values


def state(engine):
    return {p.name: engine.value(p).tobytes() for p in engine.parameters()}


def test_training_goes_on_from_a_file_with_the_same_bits(trained, tmp_path):
    engine, step, values = trained
    engine.save(tmp_path / "model.safetensors")
    saved = state(engine)
    expected = [step(*values).tobytes() for _ in range(3)]
    engine.load(tmp_path / "model.safetensors")
    assert state(engine) == saved
    assert [step(*values).tobytes() for _ in range(3)] == expected


def test_the_file_has_the_full_names_and_says_what_it_is(trained, tmp_path):
    path = tmp_path / "model.safetensors"
    trained[0].save(path)
    with safetensors.safe_open(path, framework="np") as file:
        assert sorted(file.keys()) == ["net.head.bias", "net.head.weight", "net.weight"]
        assert file.metadata()["format"] == "graph_engine.parameters" and file.metadata()["version"] == "1"


@pytest.mark.parametrize("dtype", ["bool", "int8", "int64", "uint16", "uint64", "float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (2, 3, 1)])
def test_parameters_of_every_dtype_and_shape(dtype, shape, tmp_path):
    data = np.array(np.random.default_rng(0).normal(size=shape) * 3).astype(dtype)
    w = ge.parameter("w", data)
    save_parameters({w: data}, tmp_path / "w")
    assert same(load_parameters(tmp_path / "w", [w])[w], data)


def test_arrays_that_are_not_contiguous_or_of_the_other_byte_order(tmp_path):
    data = np.arange(12, dtype="float32").reshape(3, 4)
    w = ge.parameter("w", data.T[::2])
    save_parameters({w: data.T[::2]}, tmp_path / "w")
    assert same(load_parameters(tmp_path / "w", [w])[w], data.T[::2].copy())


def test_no_parameters_at_all(tmp_path):
    save_parameters({}, tmp_path / "none")
    assert load_parameters(tmp_path / "none", []) == {}


def test_two_parameters_of_one_name_cannot_be_told_apart(tmp_path):
    one, other = ge.parameter("w", 1.0), ge.parameter("w", 2.0)
    with pytest.raises(ge.NameClashError, match="two parameters are called 'w'"):
        save_parameters({one: one.data, other: other.data}, tmp_path / "w")
    assert not list(tmp_path.iterdir())


# ---- another model's -------------------------------------------------------------------------------------------


def test_another_models_checkpoint_is_refused_with_everything_that_differs(trained, tmp_path):
    engine = trained[0]
    save_parameters(
        {
            ge.parameter("net.weight", np.zeros((3, 7), "float32")): np.zeros((3, 7), "float32"),
            ge.parameter("net.head.weight", np.zeros((4, 2))): np.zeros((4, 2)),
            ge.parameter("net.extra", 1.0): np.ones((), "float32"),
        },
        tmp_path / "other",
    )
    before = state(engine)
    with pytest.raises(ge.FileError) as refused:
        engine.load(tmp_path / "other")
    message = str(refused.value)
    assert "'net.head.bias' is missing" in message
    assert "'net.extra' is not a parameter of this model" in message
    assert "'net.weight' is float32(3, 4), but float32(3, 7) in the file" in message
    assert "'net.head.weight' is float32(4, 2), but float64(4, 2) in the file" in message
    assert state(engine) == before


def test_only_the_first_ten_differences_are_listed(tmp_path):
    wanted = [ge.parameter(f"w{i}", 0.0) for i in range(30)]
    save_parameters({}, tmp_path / "none")
    with pytest.raises(ge.FileError, match="and 20 more"):
        load_parameters(tmp_path / "none", wanted)


# ---- damaged and hostile files ---------------------------------------------------------------------------------


def hostile(header, body=b""):
    return len(header).to_bytes(8, "little") + header + body


FILES = {
    "empty": b"",
    "text": b"these are the weights",
    "pickle": b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00N.",
    "a header of exabytes": b"\xff" * 8,
    "no JSON": hostile(b"{[["),
    "a shape of exabytes": hostile(
        b'{"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}', b"\0\0\0\0"
    ),
    "offsets beyond the end": hostile(b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,400]}}', b"\0\0\0\0"),
    "negative offsets": hostile(b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}', b"\0\0\0\0"),
    "deep": hostile(b'{"w":' + b"[" * 100_000),
    "not said what it is": safetensors.numpy.save({"w": np.zeros(3, "float32")}),
    "something else": safetensors.numpy.save({"w": np.zeros(3)}, {"format": "graph_engine.trace", "version": "1"}),
    "a future version": safetensors.numpy.save({}, {"format": "graph_engine.parameters", "version": "2"}),
    "no checksum": safetensors.numpy.save({"w": np.ones(())}, {"format": "graph_engine.parameters", "version": "1"}),
    "a dtype that is not ours": hostile(
        b'{"__metadata__":{"format":"graph_engine.parameters","version":"1"},'
        b'"w":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}', b"\0\0"
    ),
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_files_that_are_no_checkpoint(content, tmp_path):
    (tmp_path / "w").write_bytes(content)
    w = ge.parameter("w", 1.0)
    engine = ge.Engine("numpy")
    engine.meet(w)
    with pytest.raises(ge.FileError):
        engine.load(tmp_path / "w")
    assert engine.value(w) == 1.0


def test_a_file_that_is_not_there_and_a_folder(tmp_path):
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(ge.FileError, match="cannot be read|no safetensors"):
            load_parameters(path, [])


def test_every_truncation_and_every_flipped_byte_is_noticed(trained, tmp_path):
    engine = trained[0]
    path = tmp_path / "model"
    engine.save(path)
    data, before, chance = path.read_bytes(), state(engine), random.Random(0)
    damaged = [data[:length] for length in range(0, len(data), 7)]
    for _ in range(400):
        place = chance.randrange(len(data))
        damaged.append(data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :])
    for content in damaged:
        path.write_bytes(content)
        with contextlib.suppress(ge.FileError):
            engine.load(path)
        assert state(engine) == before


# ---- all or nothing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["save_file", "fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(trained, tmp_path, monkeypatch, moment, error):
    engine, step, values = trained
    path = tmp_path / "model"
    engine.save(path)
    old = path.read_bytes()
    step(*values)

    def fail(*_, **__):
        if moment == "save_file":
            next(tmp_path.glob(".model.*")).write_bytes(b"half")
        raise error

    monkeypatch.setattr(safetensors.numpy if moment == "save_file" else os, moment, fail)
    with pytest.raises(ge.FileError if isinstance(error, OSError) else KeyboardInterrupt):
        engine.save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
    assert path.read_bytes() == old


def test_a_folder_that_is_not_there_is_an_error_that_names_it(tmp_path):
    with pytest.raises(ge.FileError, match="nowhere.*could not be written"):
        save_parameters({}, tmp_path / "nowhere" / "model")


def test_a_link_stays_a_link_and_rights_are_those_of_any_new_file(tmp_path):
    real, link, other = tmp_path / "real", tmp_path / "link", tmp_path / "other"
    real.write_bytes(b"old")
    link.symlink_to(real)
    save_parameters({}, link)
    other.touch()
    assert link.is_symlink() and load_parameters(real, []) == {}
    assert real.stat().st_mode == other.stat().st_mode


def test_names_as_long_as_a_path_may_be(tmp_path):
    save_parameters({}, tmp_path / ("m" * 250))
    assert isinstance(tensors.read_tensors(Path(tmp_path, "m" * 250), "graph_engine.parameters", 1), dict)
