"""Uploads to a hub on this machine, and refusals before any work."""

import base64
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from huggingface_hub import constants
from kedro.io import DatasetError

from mgd3_kedro.datasets.hub_upload import check_upload, upload_folder

SET = "me/digits"


class Hub(ThreadingHTTPServer):
    """Answers what an upload asks, and remembers it."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.created, self.files, self.deleted, self.tokens = [], {}, [], set()
        self.refuses = False

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if "/tree/" in self.path:
            old = {"type": "file", "path": "old.png", "size": 1, "oid": "0"}
            self.answer([old])
        else:
            self.answer({"id": SET, "sha": "0", "siblings": [{"rfilename": "old.png"}]})

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.tokens.add(self.headers["Authorization"])
        if self.server.refuses:
            self.answer({"error": "no"}, 403)
        elif self.path == "/api/repos/create":
            self.server.created.append(json.loads(content))
            self.answer({"url": f"{self.server.url}/datasets/{SET}"})
        elif "/preupload/" in self.path:
            names = [file["path"] for file in json.loads(content)["files"]]
            kept = {"uploadMode": "regular", "shouldIgnore": False, "oid": None}
            self.answer({"files": [{"path": name, **kept} for name in names]})
        elif "/commit/" in self.path:
            for line in map(json.loads, content.splitlines()):
                if line["key"] == "file":
                    data = base64.b64decode(line["value"]["content"])
                    self.server.files[line["value"]["path"]] = data
                elif line["key"] == "deletedFile":
                    self.server.deleted.append(line["value"]["path"])
            url = f"{self.server.url}/datasets/{SET}/commit/1"
            self.answer({"success": True, "commitOid": "1", "commitUrl": url})
        else:  # the card is looked at
            self.answer({"errors": [], "warnings": []})

    def answer(self, content, status=200):
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def logged_in(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", "hf_mine")


@pytest.fixture
def hub(monkeypatch, logged_in):
    server = Hub()
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "set/train/0").mkdir(parents=True)
    (tmp_path / "set/README.md").write_text("# Digits\n")
    (tmp_path / "set/train/0/0.png").write_bytes(b"pixels")
    return tmp_path / "set"


def test_the_folder_becomes_a_private_data_set_and_nothing_else(hub, folder):
    upload_folder(folder, SET)
    assert hub.files == {"README.md": b"# Digits\n", "train/0/0.png": b"pixels"}
    assert hub.deleted == ["old.png"]
    (created,) = hub.created
    assert created["type"] == "dataset"
    # It depends on the version of the library how that is said.
    assert created.get("private", created.get("visibility")) in (True, "private")
    assert hub.tokens == {"Bearer hf_mine"}


def test_a_hub_that_refuses_is_told_with_where_the_set_is(hub, folder):
    hub.refuses = True
    with pytest.raises(DatasetError, match=r"me/digits could not be uploaded .* is in .*set, run"):
        upload_folder(folder, SET)


def test_a_hub_that_is_not_reached_is_told_too(hub, folder, monkeypatch):
    hub.shutdown()
    hub.server_close()
    with pytest.raises(DatasetError, match="could not be uploaded"):
        upload_folder(folder, SET)


def test_an_upload_that_can_begin_is_not_refused(logged_in):
    check_upload(SET)


def test_an_upload_that_cannot_begin_is_refused(logged_in, monkeypatch, tmp_path):
    with pytest.raises(ValueError, match="expected an id as me/my-set, got 'digits'"):
        check_upload("digits")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match="HF_HUB_OFFLINE=1 switches off"):
        check_upload(SET)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    with pytest.raises(ValueError, match=r"expected a token .* log in with: hf auth login"):
        check_upload(SET)
