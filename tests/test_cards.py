"""Processes of a machine with several graphics cards use one each."""

import os
import tempfile
from multiprocessing import get_context

import pytest

from mgd3_kedro import cards

FORK = get_context("fork")


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(cards, "_taken", [])
    monkeypatch.delenv(cards.VISIBLE, raising=False)


def take(count, answer, end):
    answer.put(cards.find_free_card(count))
    end.wait()


def start(number, count):
    answer, end = FORK.SimpleQueue(), FORK.Event()
    processes = [FORK.Process(target=take, args=(count, answer, end)) for _ in range(number)]
    for process in processes:
        process.start()
    return processes, [answer.get() for _ in processes], end


def test_every_process_has_its_own_until_it_ends():
    processes, found, end = start(3, 3)
    assert sorted(found) == [0, 1, 2]
    assert cards.find_free_card(3) == os.getpid() % 3
    end.set()
    for process in processes:
        process.join()
    assert cards.find_free_card(3) == 0
    assert cards.find_free_card(3) == 1


def test_cards_are_told_apart_by_what_the_machine_calls_them(monkeypatch):
    monkeypatch.setenv(cards.VISIBLE, "2,3")
    assert cards.find_free_card(2) == 0
    monkeypatch.setenv(cards.VISIBLE, "3,2")
    assert cards.find_free_card(2) == 0
    monkeypatch.setenv(cards.VISIBLE, "1,2,0")
    assert cards.find_free_card(3) == 0
    assert cards.find_free_card(3) == 2


def test_a_process_uses_one_card_all_the_time(monkeypatch):
    used = []
    monkeypatch.setattr(cards.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(cards.torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(cards.torch.cuda, "set_device", used.append)
    cards.use_free_card.cache_clear()
    assert cards.use_free_card() == cards.use_free_card() == 0
    assert used == [0]
    monkeypatch.setattr(cards.torch.cuda, "device_count", lambda: 1)
    cards.use_free_card.cache_clear()
    assert cards.use_free_card() is None
    assert used == [0]
    cards.use_free_card.cache_clear()
