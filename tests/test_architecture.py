"""The laws of docs/architecture: frameworks at the edge, imports one way, parameters validated."""

import ast
import dataclasses
import inspect
from graphlib import TopologicalSorter
from pathlib import Path
from typing import get_type_hints

import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.validation.type_extractor import TypeExtractor

import mgd3_kedro
from mgd3_kedro.pipeline_registry import register_pipelines

PACKAGE = "mgd3_kedro"
ROOT = Path(mgd3_kedro.__file__).parent

BASE = (
    "balance",
    "benchmark",
    "cards",
    "checkpoint",
    "checks",
    "code_identity",
    "configured",
    "counting",
    "devices",
    "durable",
    "durations",
    "environment",
    "executors",
    "exported",
    "fingerprint",
    "given",
    "images",
    "lineage",
    "memory",
    "named_settings",
    "nesting",
    "network_ops",
    "parameter_files",
    "points",
    "priors",
    "prior_quality",
    "progress",
    "randomness",
    "records",
    "resolution",
    "result_columns",
    "rows",
    "shipped",
    "source_code",
    "splitting",
    "stages",
    "store",
    "syntax",
    "version",
    "words",
)
FAMILIES = ("backbones", "modes", "coresets", "evaluation", "metrics", "training", "figures")
JOINED = ("sampling", "matching", "report")
"""Families that see a contract of other families; `sampling` sees `backbones.base` alone, `report`
what figures look like."""
EDGE = (
    "plain_errors",
    "api",
    "at_start",
    "announcement",
    "finished_runs",
    "listings",
    "measured_priors",
    "measured_speeds",
    "timing",
    "quiet_import",
    "runs",
    "speeds",
    "config_loader",
    "hooks",
    "known_options",
    "node_names",
    "node_parts",
    "preflight",
    "run_checks",
    "run_names",
    "store_hooks",
    "tracking",
    "summary",
    "settings",
    "terminal",
    "search",
    "sweep",
    "pipeline_registry",
    "cli",
    "commands",
    "new_project",
    "__main__",
    "__init__",
)
"""Modules that nothing but the edge imports. `tracking` and `summary` are the bodies of hooks: they
know MLflow and the catalog, so that hooks.py stays a list of events; `sweep` and `search` are those
of commands."""
FRAMEWORKS = {"kedro", "kedro_mlflow", "kedro_viz", "kedro_datasets", "mlflow"}
FRAMEWORK_EDGE = {
    *{
        "search.command",
        "sweep.checks",
        "sweep.command",
        "sweep.plan",
        "sweep.runs",
        "terminal.watch",
    },
    *{"tracking.events", "tracking.hooks", "tracking.inputs", "tracking.opening"},
    *{"tracking.pending", "tracking.processes", "tracking.runs", "tracking.store"},
    *EDGE,
} - {
    "api",
    "new_project",
    "finished_runs",
    "listings",
    "measured_priors",
    "measured_speeds",
    "timing",
    "node_names",
    "node_parts",
    "preflight",
    "quiet_import",
    "run_names",
    "search",
    "speeds",
    "sweep",
    "terminal",
    "tracking",
    "__init__",
}


def name_of(path):
    """Return a module's name within the package, e.g. "modes.kmeans" or "modes"."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


MODULES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}


def imports_of(path):
    """Return the full names of all modules, or things in them, that a file imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def own_imports_of(path):
    """Return the modules of the package that a file imports, by their name within it."""
    found = set()
    for full in imports_of(path):
        if full.split(".")[0] == PACKAGE:
            found.add(_module_of(full))
    return found


def allowed_imports(module):
    """Return the beginnings of what a module may import from the package."""
    parts = module.split(".")
    top = parts[0]
    if module == "version":
        return ("__init__",)
    if top in BASE:
        return {
            "balance": ("checks",),
            "checkpoint": ("durable",),
            "code_identity": ("source_code", "stages", "syntax"),
            "environment": ("code_identity", "devices"),
            "executors": ("checks", "executors"),
            "benchmark": ("checks",),
            "points": ("durable", "result_columns"),
            "exported": ("benchmark", "stages"),
            "fingerprint": ("code_identity", "stages"),
            "given": ("nesting", "splitting"),
            "configured": ("nesting",),
            "lineage": ("configured", "nesting", "stages", "words"),
            "parameter_files": ("checks", "configured", "named_settings", "nesting", "resolution"),
            "named_settings": ("checks", "nesting"),
            "prior_quality": ("priors",),
            "priors": ("benchmark",),
            "progress": ("durations",),
            "records": ("checks",),
            "source_code": ("syntax",),
            "splitting": ("nesting",),
            "resolution": ("devices", "named_settings", "priors"),
            "words": ("given",),
        }.get(top, ())
    if top in FAMILIES or top == "datasets":
        return (*BASE, top)
    if top == "matching":
        return (*BASE, top, *FAMILIES)
    if top == "report":
        return (*BASE, top, "figures")
    if top in JOINED:
        return (*BASE, top, "backbones.base")
    if top == "pipelines" and len(parts) > 1:
        own = ".".join(parts[:2])
        if parts[2:] == ["pipeline"]:
            return (own,)
        if parts[2:] == []:
            return (f"{own}.pipeline",)
        return (*BASE, *FAMILIES, *JOINED, own)
    if top == "pipelines":
        return ()
    if top == "pipeline_registry":
        return ("pipelines", "evaluation")
    if top in EDGE:
        return ("",)
    raise AssertionError(f"{module}: give the new module its place in the import order")


def begins(name, allowed):
    return any(start in ("", name) or name.startswith(f"{start}.") for start in allowed)


def test_the_package_is_read_as_a_whole():
    assert {"records", "modes.kmeans", "pipelines.encode.nodes", "hooks"} <= set(MODULES)
    assert "records" in own_imports_of(MODULES["modes.clusters"])
    assert "backbones.base" in own_imports_of(MODULES["sampling.sampler"])
    assert any(name.startswith("kedro.io") for name in imports_of(MODULES["datasets.scratch"]))


@pytest.mark.parametrize("module", MODULES)
def test_frameworks_are_imported_at_the_edge_alone(module):
    at_edge = (
        module.startswith("datasets.")
        or (module.startswith("pipelines.") and module.endswith(".pipeline"))
        or module in FRAMEWORK_EDGE
    )
    found = {name for name in imports_of(MODULES[module]) if name.split(".")[0] in FRAMEWORKS}
    assert at_edge or not found


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_one_way(module):
    allowed = allowed_imports(module)
    wrong = {name for name in own_imports_of(MODULES[module]) if not begins(name, allowed)}
    assert not wrong


def test_no_module_waits_for_itself_to_be_imported():
    graph = {}
    for module, path in MODULES.items():
        statements = [one for one in ast.parse(path.read_text()).body if _is_own_import(one)]
        names = {f"{one.module}.{alias.name}" for one in statements for alias in one.names}
        graph[module] = {_module_of(name) for name in names} - {module}
    TopologicalSorter(graph).prepare()


def _is_own_import(statement):
    return isinstance(statement, ast.ImportFrom) and statement.module.split(".")[0] == PACKAGE


def _module_of(full):
    name = full.removeprefix(PACKAGE).removeprefix(".")
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name or "__init__"


@pytest.mark.parametrize("module", [name for name in MODULES if name.endswith(".pipeline")])
def test_a_pipeline_joins_its_own_nodes_and_imports_no_library(module):
    assert {name.split(".")[0] for name in imports_of(MODULES[module])} == {"kedro", PACKAGE}


def test_no_module_is_named_after_nothing():
    parts = {part for module in MODULES for part in module.split(".")}
    assert parts.isdisjoint({"utils", "util", "core", "common", "helpers", "misc"})


def arguments_of(node):
    """Yield (parameter, annotation of the argument it is given to) of a node."""
    signature = inspect.signature(node.func)
    given = node._inputs
    bound = (
        signature.bind(**given)
        if isinstance(given, dict)
        else signature.bind(*([given] if isinstance(given, str) else given or []))
    )
    for argument, name in bound.arguments.items():
        # What a node takes any number of is no parameter.
        if isinstance(name, str) and name.startswith("params:"):
            annotation = node.func.__annotations__[argument]
            # One at a time: what a function returns may be known to the type checker alone.
            hint = get_type_hints(_annotated(annotation), node.func.__globals__)["only"]
            yield name.removeprefix("params:"), hint


def _annotated(annotation):
    def function():
        pass

    function.__annotations__ = {"only": annotation}
    return function


NODES = {node.name: node for one in register_pipelines().values() for node in one.nodes}
DATACLASSES = {
    (parameter, hint)
    for node in NODES.values()
    for parameter, hint in arguments_of(node)
    if dataclasses.is_dataclass(hint)
}


def test_kedro_knows_the_dataclass_of_every_parameter_that_a_node_annotates():
    assert len(DATACLASSES) >= 9
    known = TypeExtractor(register_pipelines()).extract_types_from_pipelines()
    assert {(name, known.get(name)) for name, _ in DATACLASSES} == DATACLASSES


@pytest.mark.parametrize("pipeline", [name for name in register_pipelines() if name != "compare"])
def test_a_pipeline_run_alone_has_its_parameters_validated_too(pipeline):
    one = register_pipelines()[pipeline]
    known = TypeExtractor({pipeline: one}).extract_types_from_pipelines()
    for node in one.nodes:
        for parameter, hint in arguments_of(node):
            if dataclasses.is_dataclass(hint):
                assert known[parameter] is hint


def test_every_such_parameter_of_the_default_configuration_is_built(project):
    bootstrap_project(project)
    with KedroSession.create(project) as session:
        parameters = session.load_context().params
    for name, hint in DATACLASSES:
        value = parameters
        for part in name.split("."):
            value = value[part]
        assert isinstance(value, hint)
