"""The faults that `make mutants` puts in still fit the source, and find their tests."""

import ast
from collections import Counter, defaultdict

import pytest
from mutants.choice import Choice
from mutants.table import PACKAGE, Fault, read_faults
from tiny_project import REPOSITORY

FAULTS = read_faults()
FEWEST = 150


def test_every_fault_is_put_in_once_and_is_a_program():
    by_file = defaultdict(list)
    for fault in FAULTS:
        by_file[fault.file].append(fault)
    for file, faults in by_file.items():
        source = (REPOSITORY / PACKAGE / file).read_text()
        changed = {fault.put_into(source) for fault in faults}
        assert len(changed | {source}) == len(faults) + 1, file
        for text in changed:
            ast.parse(text, file)


def test_there_are_faults_in_every_part_of_the_package():
    assert len(FAULTS) >= FEWEST
    parts = Counter(fault.file.partition("/")[0] for fault in FAULTS)
    folders = (path for path in (REPOSITORY / PACKAGE).iterdir() if path.is_dir())
    assert {path.name for path in folders if not path.name.startswith("__")} <= parts.keys()


def test_a_fault_that_does_not_fit_is_told():
    fault = Fault("a.py", "sign", "x + 1", "x - 1")
    assert fault.put_into("y = x + 1\n") == "y = x - 1\n"
    for source, count in (("y = x\n", 0), ("y = x + 1, x + 1\n", 2)):
        with pytest.raises(ValueError, match=f"expected 'x \\+ 1' once, got it {count} times"):
            fault.put_into(source)


def test_a_line_that_is_no_fault_is_told(tmp_path):
    path = tmp_path / "faults.txt"
    for line in ("sign: x + 1", "x + 1 => x - 1"):
        path.write_text(f"# Faults.\n\n[a.py]\n{line}\n")
        with pytest.raises(ValueError, match="expected 'kind: old => new', got line 4"):
            read_faults(path)


def test_the_tests_named_after_a_module_come_first_and_sessions_last():
    seconds = {
        "tests/test_makefile.py": 1.0,
        "tests/modes/test_kmeans.py": 9.0,
        "tests/modes/test_mode_finders.py": 3.0,
        "tests/modes/test_density.py": 2.0,
        "tests/test_words.py": 1.0,
    }
    assert Choice(REPOSITORY).tests_of("modes/kmeans.py", seconds) == [
        "tests/modes/test_kmeans.py",
        "tests/modes/test_density.py",
        "tests/modes/test_mode_finders.py",
        "tests/test_makefile.py",
    ]
