import multiprocessing
import os
import re
import time
from pathlib import Path

import pytest

from mgd3_kedro.durable import (
    ABANDONED,
    read_json,
    replacing_file,
    replacing_folder,
    write_json,
    write_text,
)


def test_texts_and_values_come_back_whatever_the_locale(tmp_path):
    path = tmp_path / "deep/er/a.json"
    write_json(path, {"name": "Müll 鳥", "n": [1, 2.5, None]})
    assert read_json(path, dict) == {"name": "Müll 鳥", "n": [1, 2.5, None]}
    write_text(path, "Müll 鳥\n")
    assert path.read_bytes() == "Müll 鳥\n".encode()
    assert [file.name for file in path.parent.iterdir()] == ["a.json"]


def test_what_is_interrupted_leaves_what_was_there_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, [1])
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    with pytest.raises(KeyboardInterrupt):
        _write_half(path)
    assert read_json(path, list) == [1]
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def _write_half(path):
    with replacing_file(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt


def test_the_content_is_on_the_disk_before_it_has_the_name(tmp_path, monkeypatch):
    done = []
    sync, replace = os.fsync, type(tmp_path).replace

    def told_sync(number):
        done.append("folder" if Path(f"/dev/fd/{number}").is_dir() else "file")
        return sync(number)

    def told_replace(path, target):
        done.append("name")
        return replace(path, target)

    monkeypatch.setattr("os.fsync", told_sync)
    monkeypatch.setattr(type(tmp_path), "replace", told_replace)
    write_text(tmp_path / "a", "a")
    assert done == ["file", "name", "folder"]


def test_what_a_killed_process_left_goes_when_it_is_old(tmp_path):
    old, new, other = (tmp_path / name for name in ("a[1].1-2.partial", "a[1].3-4.partial", "b.1"))
    for path in (old, new, other):
        path.touch()
    os.utime(old, (0, time.time() - ABANDONED - 1))
    write_text(tmp_path / "a[1]", "")
    assert {path.name for path in tmp_path.iterdir()} == {"a[1]", new.name, other.name}


def _write_often(path, number):
    for _ in range(50):
        write_json(path, [number] * 1000)
        assert len(set(read_json(path, list))) == 1


def test_processes_that_write_the_same_file_leave_one_of_their_contents(tmp_path):
    path = tmp_path / "a.json"
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=_write_often, args=(path, number)) for number in range(2)]
    for process in others:
        process.start()
    for process in others:
        process.join()
    assert [process.exitcode for process in others] == [0, 0]
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    ("content", "kind", "told"),
    [
        (b"", dict, "expected an object in JSON, got nothing"),
        (b'{"a": 1', dict, "expected an object in JSON, got one that is damaged at character 7"),
        (b'["\xff"]', list, "expected a list in JSON, got one that is damaged at character 2"),
        (b"null", dict, "expected an object in JSON, got null"),
        (b"[]", dict, "expected an object in JSON, got []"),
        (b"{}", list, "expected a list in JSON, got {}"),
    ],
)
def test_a_damaged_file_is_told_in_one_line_with_its_name(content, kind, told, tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{re.escape(f'{path}: {told}')}") as error:
        read_json(path, kind)
    assert "\n" not in str(error.value)


def _write_half_of_folder(path):
    with replacing_folder(path) as fresh:
        (fresh / "a.txt").write_text("three")
        raise KeyboardInterrupt


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_is_the_new_one_as_a_whole_or_the_old_one(tmp_path):
    (tmp_path / "set.old").mkdir()  # somebody's own
    for text in ("one", "two"):
        with replacing_folder(tmp_path / "set") as fresh:
            (fresh / "a.txt").write_text(text)
            (fresh / f"{text}.txt").write_text(text)
    assert names_in(tmp_path / "set") == ["a.txt", "two.txt"]
    with pytest.raises(KeyboardInterrupt):
        _write_half_of_folder(tmp_path / "set")
    assert (tmp_path / "set/a.txt").read_text() == "two"
    assert names_in(tmp_path) == ["set", "set.old"]


def test_an_interrupt_while_a_folder_is_put_in_place_leaves_the_old_one(tmp_path, monkeypatch):
    with replacing_folder(tmp_path / "set") as fresh:
        (fresh / "a.txt").write_text("one")
    replace = type(tmp_path).replace

    def interrupted(path, target):
        if path.name == "set.partial":
            raise KeyboardInterrupt
        return replace(path, target)

    monkeypatch.setattr(type(tmp_path), "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), replacing_folder(tmp_path / "set"):
        pass
    assert (tmp_path / "set/a.txt").read_text() == "one"
    assert names_in(tmp_path) == ["set"]


def test_a_folder_that_is_a_link_stays_one(tmp_path):
    (tmp_path / "disk/set").mkdir(parents=True)
    (tmp_path / "set").symlink_to("disk/set")
    for text in ("one", "two"):
        with replacing_folder(tmp_path / "set") as fresh:
            (fresh / "a.txt").write_text(text)
    assert (tmp_path / "set").is_symlink()
    assert (tmp_path / "disk/set/a.txt").read_text() == "two"
    assert names_in(tmp_path / "disk") == ["set"]
