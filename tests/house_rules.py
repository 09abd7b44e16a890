"""
The house rules that have nothing to do with floors: order, names, lengths.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.floor_plan import DOORS
from tests.module_source import Finding, Module, dotted, imports

__all__ = ["checkHash", "checkLengths", "checkNames", "checkPreamble", "checkSets"]

FILE_LIMIT = 400
FUNCTION_LIMIT = 60
VAGUE_WORDS = frozenset(["util", "utils", "utility", "utilities", "helper", "helpers", "manager"])
VAGUE_WORDS |= frozenset(["managers", "handler", "handlers", "engine", "engines", "common"])


#: Calls whose result shows the order of what they are given.
ORDER_SHOWING = frozenset(
    [
        "list", "tuple", "iter", "enumerate", "zip", "map", "filter", "reversed", "join",
        "fromkeys",
    ]
)

SETS = (ast.Set, ast.SetComp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)



def setNames(tree: ast.Module) -> frozenset[str]:
    """Return the names and attributes that a module makes or declares to be sets."""
    names = []
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign) and isSet(node.value, frozenset()):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None:
            declared = re.match(r"(frozen)?set\b", ast.unparse(node.annotation), re.IGNORECASE)
            if declared and isinstance(node, ast.arg):
                names.append(node.arg)
            elif declared and isinstance(node, ast.AnnAssign):
                targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Name):
                names.append(target.id)
            elif isinstance(target, ast.Attribute):
                names.append(target.attr)
    return frozenset(names)


def isSet(node: ast.expr, known: frozenset[str]) -> bool:
    """Return whether an expression is a set, as far as its own module shows."""
    if isinstance(node, SETS):
        return True
    if isinstance(node, ast.Call):
        return dotted(node.func) in ("set", "frozenset")
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr | ast.Sub):
        return isSet(node.left, known) or isSet(node.right, known)
    name = dotted(node).rpartition(".")[2]
    return name in known


def checkSets(module: Module) -> Iterator[Finding]:
    """What decides never goes through a set: its order is not the same everywhere."""
    if module.floor == DOORS:
        return
    known = setNames(module.tree)
    for node in ast.walk(module.tree):
        shown: list[ast.expr] = []
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            shown = [node.iter]
        elif isinstance(node, ast.Starred):
            shown = [node.value]
        elif isinstance(node, ast.Call):
            called = dotted(node.func).rpartition(".")[2]
            if isinstance(node.func, ast.Attribute):
                called = node.func.attr
                if called == "pop" and isSet(node.func.value, known):
                    shown = [node.func.value]
            if called in ORDER_SHOWING:
                shown = list(node.args)
        if any(isSet(expression, known) for expression in shown):
            yield module.finding(getattr(node, "iter", node), "goes through a set in its order")


def checkHash(module: Module) -> Iterator[Finding]:
    """C{hash} and C{id} differ from one process to the next."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and dotted(node.func) in ("hash", "id"):
            yield module.finding(node, f"calls {dotted(node.func)}()")


def checkNames(module: Module) -> Iterator[Finding]:
    """A name says what a thing is."""
    named: list[tuple[ast.AST, str]] = [
        (node, node.name)
        for node in ast.walk(module.tree)
        if isinstance(node, (*FUNCTIONS, ast.ClassDef))
    ]
    named.append((module.tree, module.name.rpartition(".")[2]))
    for node, name in named:
        words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
        vague = [word for word in words if word.lower() in VAGUE_WORDS]
        if vague:
            yield module.finding(node, f"the name {name} says {vague[0]!r}")


def checkLengths(module: Module) -> Iterator[Finding]:
    """Files and functions can be read in one go."""
    lines = len(module.source.splitlines())
    if lines > FILE_LIMIT:
        yield module.finding(module.tree, f"{lines} lines, more than {FILE_LIMIT}")
    for node in ast.walk(module.tree):
        if isinstance(node, FUNCTIONS):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LIMIT:
                text = f"{node.name} has {length} lines, more than {FUNCTION_LIMIT}"
                yield module.finding(node, text)


def checkPreamble(module: Module) -> Iterator[Finding]:
    """Every module says what it is and what of it is public."""
    if not ast.get_docstring(module.tree):
        yield module.finding(module.tree, "no docstring")
    assigned = [
        dotted(target)
        for node in module.tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    if "__all__" not in assigned:
        yield module.finding(module.tree, "no __all__")
    annotated = any(isinstance(node, (*FUNCTIONS, ast.ClassDef)) for node in module.tree.body)
    if annotated and "__future__.annotations" not in [name for _, name in imports(module)]:
        yield module.finding(module.tree, "no 'from __future__ import annotations'")
