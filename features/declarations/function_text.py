"""The part of a ``transforms.py`` that some of its functions need: their source text, and nothing else of the file.

A view's hash covers this text. So a change of a function, or of a constant or helper that it uses, is another
declaration, and an edit elsewhere in the file is not.
"""

from __future__ import annotations

import ast
import builtins
import dis
import types
from collections.abc import Iterator, Sequence
from typing import Any

from features.derive import load_functions
from features.errors import DomainError

_REMEDY = "define or import it by name at the top of transforms.py"


def function_text(source: str, names: Sequence[str]) -> str:
    """Source text of functions with the imports, constants and helpers that they use, in the file's order.

    Parameters
    ----------
    source
        Text of the ``transforms.py``.
    names
        Functions that it defines.

    Returns
    -------
    str
        Runs by itself; empty for no functions.

    Raises
    ------
    DomainError
        A function uses a name that the file binds in no way that can be followed, or that nobody binds.

    """
    if not names:
        return ""
    statements = ast.parse(source).body
    binders: dict[str, list[ast.stmt]] = {}
    for statement in statements:
        for name in _bound(statement):
            binders.setdefault(name, []).append(statement)
    needed = {statement for statement in statements if _is_future(statement)}
    waiting = list(names)
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for statement in binders.get(name, ()):
            needed.add(statement)
            waiting += _used(statement)
    lines = source.splitlines()
    text = "\n\n".join("\n".join(lines[first - 1 : last]) for first, last in _spans(statements, needed)) + "\n"
    _refuse_unbound(text, seen)
    return text


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Names that a statement of the module gives a meaning, however deep it does."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


def _used(statement: ast.stmt) -> list[str]:
    """Names that a statement mentions; more than it needs does no harm."""
    return [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _spans(statements: Sequence[ast.stmt], needed: set[ast.stmt]) -> Iterator[tuple[int, int]]:
    """First and last line of each statement wanted, decorators included, no line twice."""
    done = 0
    for statement in statements:
        if statement in needed:
            decorators: list[Any] = getattr(statement, "decorator_list", [])
            first = min([statement.lineno, *(decorator.lineno for decorator in decorators)])
            last = statement.end_lineno or statement.lineno
            if last > done:
                yield max(first, done + 1), last
            done = max(done, last)


def _refuse_unbound(text: str, names: set[str]) -> None:
    """Refuse functions that look up a global name which the text does not bind, before a record makes them do it."""
    module = load_functions(text)
    known = {*module, *vars(builtins)}
    for name in sorted(names):
        function = module.get(name)
        if isinstance(function, types.FunctionType):
            for missing in sorted(_globals_of(function.__code__) - known):
                raise DomainError(f"transforms.py: {name}", f"uses {missing!r}, which cannot be found", _REMEDY)


def _globals_of(code: types.CodeType) -> set[str]:
    """Global names that a function and those inside it look up."""
    names = {str(step.argval) for step in dis.get_instructions(code) if step.opname in {"LOAD_GLOBAL", "LOAD_NAME"}}
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return names.union(*map(_globals_of, inner))
