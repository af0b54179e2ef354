"""What the source holds to: text as UTF-8, no pickles, no code from data, servers at home alone."""

import ast
import re

import pytest
import yaml
from tiny_project import REPOSITORY

SOURCES = sorted((REPOSITORY / "src").rglob("*.py")) + sorted(
    (REPOSITORY / "benchmarks").rglob("*.py")
)
IN_TEXT = re.compile(r"[rwaxt+]+")
RUNS_CODE = {
    *("eval", "exec", "compile", "pickle.load", "pickle.loads", "pickle.Unpickler", "os.system"),
    *(
        "cloudpickle.load",
        "cloudpickle.loads",
        "joblib.load",
        "dill.load",
        "dill.loads",
        "os.popen",
    ),
    *("marshal.load", "marshal.loads", "shelve.open", "yaml.load", "yaml.unsafe_load"),
    *("subprocess.getoutput", "subprocess.getstatusoutput", "torch.hub.load", "runpy.run_path"),
}
"""Calls that may run what they read."""
COPIES = ("pickle.loads(self._pickled)",)
"""Calls that copy what this process has just packed itself."""


def calls_of(source):
    """Return every call of a source: its full name, its last name, and its arguments by name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            yield name, name.rpartition(".")[2], node


def argument(node, name):
    """Return an argument of a call as it is written, None if it is not."""
    return next((ast.unparse(one.value) for one in node.keywords if one.arg == name), None)


def mode_of(node):
    """Return the mode of a call of `open`, if it is written there."""
    told = [argument(node, "mode"), *(ast.unparse(one) for one in node.args)]
    texts = [one.strip("'") for one in told if one and one.startswith("'")]
    return next((text for text in texts if len(text) < 4), None)


def texts_without_encoding(source):
    """Return the calls that read or write text as the locale says."""
    return [
        f"{name}, line {node.lineno}"
        for name, last, node in calls_of(source)
        if argument(node, "encoding") is None
        and (
            (last in ("read_text", "write_text") and not _names_utf8(node) and "." in name)
            or (last == "open" and IN_TEXT.fullmatch(mode_of(node) or "b"))
            or (last in ("run", "Popen", "check_output") and argument(node, "text"))
        )
    ]


def _names_utf8(node):
    # `durable.write_text(path, text)` always writes that, `path.read_text("utf-8")` says so.
    return any(ast.unparse(one) == "'utf-8'" for one in node.args)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_text_is_read_and_written_as_utf_8_whatever_the_locale(path):
    assert texts_without_encoding(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "path.read_text()",
        "path.write_text(text)",
        "open(path, 'w')",
        "path.open('a')",
        "path.open(mode='r')",
        "subprocess.run(command, text=True)",
    ],
)
def test_text_in_the_encoding_of_the_locale_is_found(line):
    assert len(texts_without_encoding(line)) == 1


def code_from_data(source):
    """Return the calls that may run what they read."""
    return [
        f"{name}, line {node.lineno}"
        for name, last, node in calls_of(source)
        if (name in RUNS_CODE and ast.unparse(node) not in COPIES)
        or (
            last == "load"
            and name.startswith("torch.")
            and argument(node, "weights_only") != "True"
        )
        or (
            last == "load" and name.startswith(("np.", "numpy.")) and argument(node, "allow_pickle")
        )
        or (last == "extractall" and argument(node, "filter") != "'data'")
        or argument(node, "shell") == "True"
        or argument(node, "trust_remote_code") not in (None, "False")
        or (last == "read_pickle" and name.startswith(("pd.", "pandas.")))
    ]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_nothing_that_is_read_is_run(path):
    assert code_from_data(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "pickle.load(file)",
        "eval(text)",
        "members.extractall(folder)",
        "members.extractall(folder, filter='fully_trusted')",
        "subprocess.run(line, shell=True)",
        "AutoModel.from_pretrained(folder, trust_remote_code=True)",
    ],
)
def test_what_would_run_what_it_reads_is_found(line):
    assert len(code_from_data(line)) == 1


def test_weights_are_read_from_safetensors_alone():
    """Each call that loads a model says so; tokenizers and configurations have no weights."""
    loaders = [
        (path.name, name, argument(node, "use_safetensors"))
        for path in SOURCES
        if path.is_relative_to(REPOSITORY / "src")
        for name, last, node in calls_of(path.read_text(encoding="utf-8"))
        if last == "from_pretrained" and not name.endswith("tokenizer.from_pretrained")
    ]
    assert len(loaders) >= 2
    assert [of for of in loaders if of[2] != "True"] == []


def test_servers_answer_this_machine_alone():
    from kedro_mlflow.config.kedro_mlflow_config import KedroMlflowConfig
    from kedro_viz.launchers.cli.run import run

    (host,) = [option.default for option in run.params if option.name == "host"]
    assert host == "127.0.0.1"
    assert KedroMlflowConfig().ui.host == "127.0.0.1"
    listening = [
        f"{path.name}: {ast.unparse(node)}"
        for path in SOURCES
        for name, last, node in calls_of(path.read_text(encoding="utf-8"))
        if last in ("Listener", "bind", "HTTPServer", "TCPServer", "create_server")
    ]
    # Within the machine: a socket that is a file.
    assert listening == ["log_forwarding.py: Listener(authkey=key)"]
    hosts = {
        told
        for path in SOURCES
        for told in re.findall(r"\d+\.\d+\.\d+\.\d+|localhost", path.read_text(encoding="utf-8"))
    }
    assert hosts == {"127.0.0.1"}


def test_what_workers_say_is_heard_on_this_machine_alone():
    from multiprocessing.connection import Listener

    with Listener(authkey=b"key") as listener:
        assert isinstance(listener.address, str)
        assert listener.address.startswith("/")


def test_texts_of_the_catalog_are_utf_8():
    """Kedro's dataset of texts opens files as the locale says; its others say what they write."""
    entries = {}
    for path in (REPOSITORY / "conf").rglob("catalog*.yml"):
        entries |= yaml.safe_load(path.read_text(encoding="utf-8"))
    texts = [one for one in entries.values() if str(dict_of(one).get("type")) == "text.TextDataset"]
    utf8 = {"encoding": "utf-8"}
    assert len(texts) >= 4
    for one in texts:
        assert one["fs_args"] == {"open_args_save": utf8, "open_args_load": utf8}


def dict_of(entry):
    return entry if isinstance(entry, dict) else {}
