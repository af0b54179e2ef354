"""A store of MLflow that is locked, gone, cut, dead, slow, or answers nonsense."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from random import Random

from faults.families.kills import Named, scene_of, shares
from faults.results import expect_true_states, statuses_of
from faults.table import expect
from faults.world import TRACEBACK, Scene, World, expect_refused, finish

SCENE = Scene("fresh", ("run", "--pipelines=encode"))
ADDRESS = "MLFLOW_TRACKING_URI"
LONGEST = 60.0
"""Seconds that a run without a store takes, at most, on a machine that has other work."""
OF_STORE = ("mlflow.db", "mlflow.db-journal", "mlflow.db.lock")


def lock_stores(random: Random) -> Named:
    """Keep the store locked for a while, from any moment on."""
    for seconds in (0.5, 2.0, 4.0):
        for share in shares(random, 3):
            what = f"locked for {seconds} s after {share:.0%} of encode"
            yield what, partial(_lock, seconds, share)


def lose_stores(random: Random) -> Named:
    """Remove the store before a run, or in the middle of it."""
    yield "removed before encode", partial(_remove, 0.0)
    for share in shares(random, 5):
        yield f"removed after {share:.0%} of discover_modes", partial(_remove, share)
    for how in ("emptied", "cut", "no database"):
        yield how, partial(_spoil, how)
    yield "its lock is left by a process that has gone", _leave_lock
    yield "a part of it is left by a process that has gone", _leave_part


def lose_servers(random: Random) -> Named:
    """Have a server that does not answer, or answers nonsense, and then the store again."""
    del random
    for name, answer in ANSWERS.items():
        yield name, partial(_serve, answer)


def _lock(seconds: float, share: float, world: World) -> None:
    with world.copy_of(SCENE.state) as project:
        running = world.fork(project, SCENE.arguments)
        time.sleep(share * world.undisturbed(SCENE).seconds)
        with contextlib.closing(sqlite3.connect(project / "mlflow.db", timeout=30)) as store:
            store.execute("BEGIN EXCLUSIVE")
            time.sleep(seconds)
            store.rollback()
        ended = finish(running)
        expect(ended.code == 0, f"it ended with {ended.code}: {ended.error or ended.told[-300:]}")
        world.compare(project, SCENE)
        expect_true_states(project, "FINISHED")


def _remove(share: float, world: World) -> None:
    scene = scene_of("discover_modes") if share else SCENE
    with world.copy_of(scene.state) as project:
        running = world.fork(project, scene.arguments) if share else None
        time.sleep(share * world.undisturbed(scene).seconds)
        for name in OF_STORE:
            (project / name).unlink(missing_ok=True)
        if running:
            ended = finish(running)
            expect(TRACEBACK not in ended.told, f"a traceback: {ended.told[-300:]}")
        world.again(project, scene)
        if (project / "mlflow.db").exists():
            expect_true_states(project)


def _spoil(how: str, world: World) -> None:
    with world.copy_of(SCENE.state) as project:
        store = project / "mlflow.db"
        whole = store.read_bytes()
        told = {"emptied": b"", "cut": whole[: len(whole) // 2], "no database": b"text" * 5000}
        store.write_bytes(told[how])
        ended = world.run(project, SCENE.arguments)
        expect(TRACEBACK not in ended.told, f"a traceback: {ended.told[-300:]}")
        if ended.code:
            expect_refused(ended, "MLflow store")
            # What was recorded is lost with it; no result is.
            for name in OF_STORE:
                (project / name).unlink(missing_ok=True)
        world.again(project, SCENE)
        expect_true_states(project)


def _leave_lock(world: World) -> None:
    with world.copy_of(SCENE.state) as project:
        (project / "mlflow.db.lock").write_text("1", encoding="utf-8")
        world.again(project, SCENE)
        expect_true_states(project, "FINISHED")


def _leave_part(world: World) -> None:
    with world.copy_of(SCENE.state) as project:
        store = project / "mlflow.db"
        (project / "mlflow.db.partial").write_bytes(store.read_bytes()[:10_000])
        store.unlink()
        world.again(project, SCENE)
        expect_true_states(project, "FINISHED")


ANSWERS: dict[str, tuple[str, ...] | None] = {
    "a server that is not there": None,
    "a server that takes calls and says nothing": (),
    "a server that hangs up": ("",),
    "a server that has an error": ("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",),
    "a server that is another one": ("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",),
    "a server that dies after its first answer": (
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK",
        "",
    ),
}
"""What happens -> what the calls are answered one after the other, the last one to all later ones;
none is answered: they wait; None: nobody listens."""


@contextmanager
def _server(answers: tuple[str, ...] | None) -> Iterator[str]:
    """Listen at a port of this machine, and yield the address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        if answers is not None:
            listener.listen(50)
            threading.Thread(target=_answer, args=(listener, [*answers]), daemon=True).start()
        yield address


def _answer(listener: socket.socket, answers: list[str]) -> None:
    kept = []
    with contextlib.suppress(OSError):
        while True:
            call, _ = listener.accept()
            if not answers:
                kept.append(call)
                continue
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            with call, contextlib.suppress(OSError):
                call.recv(65536)
                call.sendall(answer.encode())


def _serve(answers: tuple[str, ...] | None, world: World) -> None:
    with world.copy_of(SCENE.state) as project, _server(answers) as address:
        ended = finish(world.start(project, SCENE.arguments, **{ADDRESS: address}))
        expect(TRACEBACK not in ended.told, f"a traceback: {ended.told[-300:]}")
        expect(ended.seconds < LONGEST, f"it took {ended.seconds:.0f} s")
        if not ended.code:
            world.compare(project, SCENE)
            kept = [*project.glob(".mgd3/untracked/*.jsonl")]
            expect(len(kept) == 1, f"{len(kept)} runs are kept for the server")
        world.again(project, SCENE)
        expect(statuses_of(project)["RUNNING"] == 0, "an MLflow run is running for ever")
