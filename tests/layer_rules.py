"""
The rules of the house, read off a module's source.

Every rule is a function from a L{Module} to the findings in it, so each can be
shown sources that break it.  Nothing of gamenet is imported here: only read.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator, Mapping

from tests.floor_plan import DECISIONS, DOORS, FLOOR_NAMES, PROTOCOLS, TWIN, VALUES
from tests.house_rules import checkHash, checkLengths, checkNames, checkPreamble, checkSets
from tests.module_source import Finding, Module, dotted, imports

__all__ = ["RULES", "findings", "importCycle"]

#: Which other subjects each may know, beside the modules that are in no folder; the doors
#: may know all.
KNOWN_SUBJECTS = {
    "": "",
    "wire": "",
    "fixed_point": "",
    "machine": "wire",
    "agreement": "wire",
    "feed": "wire",
    "channel": "wire feed",
    "rollback": "wire agreement feed",
    "spectator": "wire feed rollback",
    "replay": "wire rollback",
    "determinism": "wire rollback",
    "match_log": "wire rollback",
    "turn_client": "wire machine",
    "relay_plane": "wire machine",
    "stun_server": "wire machine relay_plane",
    "relay": "wire machine relay_plane stun_server",
    "lobby": "wire machine",
    "storage": "wire machine",
    "traversal": "wire machine turn_client lobby",
    "sealing": "wire",
    "event_log": "wire",
    "mesh": "wire machine channel feed sealing turn_client traversal",
    "match": (
        "wire machine channel event_log sealing turn_client lobby traversal mesh rollback replay"
    ),
    "polled": "wire machine event_log turn_client lobby match",
    "inspector": "wire rollback match_log",
    "demo": "",
    "operation": "relay",
}

#: What decides may compute, and nothing else: no clock, socket, entropy, log or process.
PURE_STDLIB = frozenset(
    [
        "__future__", "array", "base64", "binascii", "bisect", "collections", "contextlib",
        "enum", "functools", "hashlib", "heapq", "hmac", "ipaddress", "itertools", "math",
        "json", "operator", "re", "string", "struct", "types", "typing", "unicodedata", "zlib",
    ]
)

#: Names of impure modules that are pure functions all the same.
PURE_NAMES = frozenset(
    ["socket.AF_INET", "socket.AF_INET6", "socket.inet_ntop", "socket.inet_pton"]
)

#: The whole outside in memory speaks Twisted's interfaces, and its plain values.
TWIN_TWISTED = frozenset(
    [
        "twisted.internet.address", "twisted.internet.defer", "twisted.internet.error",
        "twisted.internet.interfaces", "twisted.logger", "twisted.python.failure",
    ]
)

#: Third parties that everybody from the protocols up may use.
EVERYBODYS = frozenset(["attrs", "zope", "twisted"])

#: Third parties with one door each.
KEPT_IN = {
    "OpenSSL": ("gamenet.machine.certificates",),
    "prometheus_client": ("gamenet.operation.metrics", "gamenet.operation.relay_options"),
    "cbor2": ("gamenet.wire.canonical_cbor",),
    "cryptography": (
        "gamenet.sealing.link_keys", "gamenet.sealing.player_keys", "gamenet.sealing.sealed_link",
    ),
}

#: Clocks and entropy, which everybody but the machine room and the doors is handed.
CLOCKS_AND_ENTROPY = frozenset(
    [
        "time", "datetime.datetime.now", "datetime.datetime.utcnow", "os.urandom",
        "os.getrandom", "random", "secrets", "uuid", "twisted.python.runtime.seconds",
    ]
)

CLOCK_ROOM = "gamenet.machine.reactor_machine"


def subjectOf(name: str) -> str:
    """Return the folder that the module C{name} is in; C{""} is gamenet itself."""
    parts = name.split(".")
    known = parts[1] if len(parts) > 1 else ""
    return known if known in KNOWN_SUBJECTS or len(parts) > 2 else ""


def importedModule(node: ast.stmt, name: str, plan: Mapping[str, int]) -> str:
    """Return the module of gamenet that importing C{name} loads."""
    parent = name.rpartition(".")[0]
    attribute = isinstance(node, ast.ImportFrom) and name not in plan and parent in plan
    return parent if attribute else name


def mayImport(importer: str, imported: str, plan: Mapping[str, int]) -> bool:
    """Return whether the floors and the order of subjects allow an import inside gamenet."""
    here, there = plan[importer], plan[imported]
    subject, other = subjectOf(importer), subjectOf(imported)
    if here == DOORS or there == here == TWIN:
        return True
    if there == TWIN or (here != TWIN and there > here):
        return False
    if there == VALUES and here != VALUES:
        return True
    if here == TWIN:
        return False
    if here > PROTOCOLS:
        return True
    return other in (subject, "") or other in KNOWN_SUBJECTS[subject].split()


def checkFloors(module: Module) -> Iterator[Finding]:
    """Imports inside gamenet go down, never up or across."""
    for node, name in imports(module):
        if name.startswith("."):
            yield module.finding(node, "a relative import")
        if name.split(".")[0] != "gamenet":
            continue
        imported = importedModule(node, name, module.plan)
        if imported not in module.plan:
            yield module.finding(node, f"imports {name}, which is not in the floor plan")
        elif not mayImport(module.name, imported, module.plan):
            here, there = FLOOR_NAMES[module.floor], FLOOR_NAMES[module.plan[imported]]
            yield module.finding(node, f"imports {imported} ({there}) from {here}: up or across")


def isPure(name: str) -> bool:
    """Return whether the stdlib name C{name} reads nothing of the outside."""
    return name.split(".", maxsplit=1)[0] in PURE_STDLIB or name in PURE_NAMES


def checkForeignImports(module: Module) -> Iterator[Finding]:
    """Nobody imports what their floor may not, nor what is not declared."""
    for node, name in imports(module):
        top = name.split(".")[0]
        if top in ("gamenet", ""):
            continue
        stdlib = top in sys.stdlib_module_names
        if top in KEPT_IN:
            allowed = module.name in KEPT_IN[top]
        elif not stdlib and top not in EVERYBODYS:
            allowed = module.floor == DOORS and top == "twisted"
        elif module.floor in (VALUES, DECISIONS):
            allowed = isPure(name) if stdlib else top != "twisted"
        elif module.floor == TWIN and top == "twisted":
            allowed = name in TWIN_TWISTED or name.rpartition(".")[0] in TWIN_TWISTED
        elif module.floor == TWIN and stdlib:
            allowed = isPure(name)
        else:
            allowed = top not in ("asyncio", "threading", "logging") or module.floor == DOORS
        if not allowed:
            yield module.finding(node, f"imports {name} in {FLOOR_NAMES[module.floor]}")


def checkClocksAndEntropy(module: Module) -> Iterator[Finding]:
    """Only the machine room and the doors read a clock or ask for entropy."""
    if module.floor == DOORS or module.name == CLOCK_ROOM:
        return
    named = [(node, name) for node, name in imports(module) if name in CLOCKS_AND_ENTROPY]
    named += [
        (node, name)
        for node, name in imports(module)
        if name.rpartition(".")[0] in CLOCKS_AND_ENTROPY
    ]
    for node, name in named:
        yield module.finding(node, f"imports {name}: a clock or entropy")
    for use in ast.walk(module.tree):
        if isinstance(use, ast.Attribute):
            name = dotted(use)
            if name in CLOCKS_AND_ENTROPY or f"datetime.{name}" in CLOCKS_AND_ENTROPY:
                yield module.finding(use, f"uses {name}: a clock or entropy")
            elif use.attr == "generate":
                yield module.finding(use, "uses .generate: keys are made from injected bytes")


def checkReactor(module: Module) -> Iterator[Finding]:
    """Only the doors import the reactor; nobody uses LoopingCall."""
    for node, name in imports(module):
        if name.startswith("twisted.internet.reactor") and module.floor != DOORS:
            yield module.finding(node, "imports the reactor")
        if name.endswith(".LoopingCall"):
            yield module.finding(node, "imports LoopingCall")
    for use in ast.walk(module.tree):
        if isinstance(use, ast.Attribute) and use.attr == "LoopingCall":
            yield module.finding(use, "uses LoopingCall")


RULES: tuple[Callable[[Module], Iterator[Finding]], ...] = (
    checkFloors,
    checkForeignImports,
    checkClocksAndEntropy,
    checkReactor,
    checkSets,
    checkHash,
    checkNames,
    checkLengths,
    checkPreamble,
)


def findings(module: Module) -> list[str]:
    """Return everything that one module breaks; an unlisted one breaks that alone."""
    if module.name not in module.plan:
        return [f"{module.name}:1: is not in the floor plan (tests/floor_plan.py)"]
    return [str(finding) for rule in RULES for finding in rule(module)]


def importCycle(modules: list[Module]) -> list[str]:
    """
    Return the names along one cycle of imports inside gamenet, first and last
    the same, or nothing.  Imports for type checkers alone do not count.
    """
    edges: dict[str, dict[str, None]] = {}
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.If) and dotted(node.test).endswith("TYPE_CHECKING"):
                node.body = []
        loads = [importedModule(node, name, module.plan) for node, name in imports(module)]
        edges[module.name] = dict.fromkeys(name for name in loads if name != module.name)
    finished: dict[str, None] = {}

    def visit(name: str, trail: list[str]) -> list[str]:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in finished:
            return []
        for following in edges.get(name, {}):
            cycle = visit(following, [*trail, name])
            if cycle:
                return cycle
        finished[name] = None
        return []

    return next(filter(None, (visit(name, []) for name in edges)), [])
