"""Change the rules of core one small thing at a time, and list the changes that no test notices.

Each change is tried in a copy of this process that has the changed module in place of the real one and runs
the tests that prove that module's rules, up to the first that fails. A change that survives is either noticed
by a new test or explained in `tests/core/mutants.yaml`. An explanation names function, line and change, no
line number, and one that no longer explains a survivor is an error too.

`python scripts/mutants.py [MODULE…]`; the exit code is 1 when something is unexplained.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import os
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType

# What is imported here, no copy of this process has to import again; of ours it is nothing.
import hypothesis.configuration
import pytest
import yaml
from mutations import Key, Mutant, mutants

_ROOT = Path(__file__).parents[1]
_CORE = _ROOT / "src" / "rolecall" / "core"
_EXPLAINED = _ROOT / "tests" / "core" / "mutants.yaml"
_HISTORIES = "tests/core/simulation/test_simulation.py"
_CASES = "tests/core/test_cases.py"
_CHARMS = "tests/juju/test_drain_action.py"
_FLUSH = "tests/core/test_flush.py"
_TESTS: Mapping[str, tuple[str, ...]] = {
    "copies": (_FLUSH, "tests/core/test_handing_over.py", _HISTORIES),
    "drain": ("tests/core/test_drain_steps.py", "tests/core/test_drain.py", _FLUSH, _HISTORIES),
    "flush": (_FLUSH, _HISTORIES),
    "forget": ("tests/core/test_forget.py", _HISTORIES),
    "handover": ("tests/core/test_drain_steps.py", "tests/core/test_drain.py", _FLUSH, _HISTORIES, _CHARMS),
    "progress": ("tests/core/test_progress.py", "tests/core/test_undo.py", _FLUSH, _CASES),
    "rollout": (
        "tests/core/test_rollout.py",
        _FLUSH,
        "tests/core/test_handing_over.py",
        _CASES,
        "tests/core/properties/test_rollout_properties.py",
        _HISTORIES,
    ),
}
"""Module to what proves its rules, the quickest first."""
_ASSERTIONS = "ignore::pytest.PytestAssertRewriteWarning"
"""What was imported before pytest began says less of an assertion that fails, and nobody reads that here."""
_WITHOUT = ("-p", "no:cacheprovider", "-p", "no:anyio")
_OPTIONS = ("-x", "-q", "--tb=no", *_WITHOUT, "-W", _ASSERTIONS, "--hypothesis-seed=0")
_SEEDS = "0-11"
"""Histories of each product that a change has to live through."""
_CPU_S = 120
"""Processor time after which the tests of a change run in circles; all of them take a tenth of it."""


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a changed text."""

    def __init__(self, name: str, text: str) -> None:
        """Stand in for the module `name`."""
        self.name, self.text = name, text

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find the one module, and no other."""
        del path, target
        return importlib.util.spec_from_loader(fullname, self) if fullname == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed text."""
        exec(compile(self.text, self.name, "exec"), module.__dict__)  # noqa: S102 - that is what a mutant is


def main(chosen: Sequence[str]) -> int:
    """Try all changes of the chosen modules, or of all; return the exit code."""
    explained = _explained()
    wrong = False
    for module in chosen or _TESTS:
        text = (_CORE / f"{module}.py").read_text()
        if _fails(module, text):
            print(f"cannot judge {module}: its tests fail without any change")
            return 1
        found = list(mutants(text))
        reasons = explained.get(module, frozenset())
        survivors: set[Key] = set()
        for mutant in _survivors(module, found):
            survivors.add(mutant.key)
            if mutant.key not in reasons:
                _tell("survives", module, mutant.key)
        for key in sorted(reasons - survivors):
            _tell("explained, but survives no longer", module, key)
        print(f"{module}: {len(found)} changes, {len(survivors)} survive", flush=True)
        wrong = wrong or bool(survivors ^ reasons)
    return 1 if wrong else 0


def _explained() -> dict[str, frozenset[Key]]:
    """Return the changes of each module that are explained; an explanation without a reason is none."""
    written: dict[str, list[dict[str, str]]] = yaml.safe_load(_EXPLAINED.read_text())
    return {
        module: frozenset((one["in"], one["line"], one["change"]) for one in entries if one["why"])
        for module, entries in written.items()
    }


def _tell(what: str, module: str, key: Key) -> None:
    print(f"{what}:", module, *key, sep="\n  ", flush=True)


def _survivors(module: str, found: list[Mutant]) -> Iterator[Mutant]:
    """Try changes, as many at once as there are processors; yield those that no test notices."""
    running: dict[int, Mutant] = {}
    for mutant in found:
        if len(running) == len(os.sched_getaffinity(0)):
            yield from _ended(running)
        running[_forked(lambda text=mutant.text: _fails_here(module, text))] = mutant
    while running:
        yield from _ended(running)


def _ended(running: dict[int, Mutant]) -> Iterator[Mutant]:
    pid, status = os.wait()
    mutant = running.pop(pid)
    if not status:
        yield mutant


def _fails(module: str, text: str) -> bool:
    return os.waitpid(_forked(lambda: _fails_here(module, text)), 0)[1] != 0


def _forked(task: Callable[[], bool]) -> int:
    """Do a task in a copy of this process, which ends with 1 when it returns true; return its id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
        code = int(task())
    finally:
        os._exit(code)


def _fails_here(module: str, text: str) -> bool:
    """Run the tests of a module with another text in its place; say whether one fails."""
    sys.meta_path.insert(0, Changed(f"rolecall.core.{module}", text))
    os.environ["ROLECALL_SEED"] = _SEEDS
    os.chdir(_ROOT)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        hypothesis.configuration.set_hypothesis_home_dir(folder)
        # One file after the other: most changes are noticed by the first, and the others cost their imports.
        return any(pytest.main([*_OPTIONS, path]) for path in _TESTS[module])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
