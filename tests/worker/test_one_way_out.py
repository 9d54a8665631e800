"""A worker reaches other hosts through worker.outbound alone, and that through one function that judges them."""

import ast
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parent.parent.parent

CLIENTS = {
    *("requests", "urllib3", "httpx", "aiohttp", "pycurl", "curl_cffi", "http.client", "urllib.request"),
    *("socket", "ssl", "ftplib", "smtplib", "telnetlib", "xmlrpc", "poplib", "imaplib", "nntplib", "websockets"),
    *("subprocess", "socketserver", "gevent", "dns", "paramiko"),
}
# Each with what it may use, and for what.
MAY_USE = {
    "worker.outbound.transfer": {"pycurl", "socket"},  # opens the sockets, having judged where to
    "worker.outbound.multi": {"pycurl"},  # moves bytes over them
    "worker.outbound.sockets": {"pycurl"},  # waits for them, in words of pycurl
    "worker.outbound.engine": {"pycurl", "ssl"},  # counts transfers; knows where trusted certificates are
    "worker.outbound.failures": {"pycurl"},  # reads error codes
}
CONNECTING = {
    *("open_connection", "open_unix_connection", "create_connection", "create_unix_connection"),
    *("create_datagram_endpoint", "sock_connect", "sock_sendto", "getaddrinfo", "import_module"),
}
# They ask this machine about itself.
HARMLESS = {"socket.gethostname"}

WORKER_FILES = sorted((ROOT / "worker").rglob("*.py"))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def clients_imported(path: Path) -> set[str]:
    """The network clients that a file imports, unless all that it uses of them is harmless."""
    tree = ast.parse(path.read_text())
    used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.asname or not _is_harmless(alias.name, used)]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {client for client in CLIENTS for name in names if f"{name}.".startswith(f"{client}.")}
    return found


def _is_harmless(module: str, used: set[str]) -> bool:
    return {name for name in used if name.startswith(f"{module}.")} <= HARMLESS


@pytest.mark.parametrize("path", WORKER_FILES, ids=module_of)
def test_a_file_of_the_worker_uses_no_other_way_out(path: Path) -> None:
    unexpected = clients_imported(path) - MAY_USE.get(module_of(path), set())
    assert not unexpected, f"calls to other hosts go through worker.outbound; {path.name} imports {unexpected}"


def test_the_permissions_are_needed() -> None:
    files = {module_of(path): path for path in WORKER_FILES}
    assert {name: clients_imported(files[name]) for name in MAY_USE} == MAY_USE


@pytest.mark.parametrize("path", WORKER_FILES, ids=module_of)
def test_no_file_of_the_worker_connects_by_way_of_its_event_loop(path: Path) -> None:
    called = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
    assert not called & CONNECTING


def test_what_the_worker_stands_on_has_no_way_out_either() -> None:
    """Of the packages here only the databases' clients, and they go where the settings say."""
    graph = grimp.build_graph("worker", "shared", include_external_packages=True)
    assert not graph.modules & {"requests", "urllib3", "httpx", "aiohttp", "http", "gevent", "flask", "subprocess"}
    assert all(name.startswith("worker.outbound.") for name in graph.find_modules_that_directly_import("pycurl"))
    assert {"psycopg2", "redis", "pycurl"} <= graph.modules  # the graph does know such packages


def test_a_socket_is_opened_in_one_place_after_its_address_was_judged() -> None:
    tree = ast.parse((ROOT / "worker/outbound/transfer.py").read_text())
    openers = [
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        and any(isinstance(node, ast.Attribute) and ast.unparse(node) == "socket.socket" for node in ast.walk(function))
    ]
    opening = [name for name in openers if name != "__init__"]  # where it is the type of an argument
    assert opening == ["_on_connect"]
    source = ast.unparse(next(node for node in ast.walk(tree) if getattr(node, "name", "") == "_on_connect"))
    assert source.index("allowed(") < source.index("socket.socket(")
