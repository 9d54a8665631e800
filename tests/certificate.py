"""A certificate for 127.0.0.1 and localhost, made once for a test session by the openssl program."""

import atexit
import shutil
import ssl
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def _folder() -> Path:
    """Where key and certificate are; without openssl it raises: no TLS test is skipped unnoticed."""
    folder = Path(tempfile.mkdtemp(prefix="roundsman-tls-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    names = "subjectAltName=IP:127.0.0.1,DNS:localhost"
    key_kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    lasting = ("-days", "2", "-subj", "/CN=roundsman tests", "-addext", names)
    files = ("-keyout", folder / "key.pem", "-out", folder / "certificate.pem")
    subprocess.run(
        ["openssl", "req", "-x509", *key_kind, *lasting, *files], check=True, capture_output=True, timeout=30
    )
    return folder


def ca_file() -> str:
    """The file to trust: the certificate signed itself."""
    return str(_folder() / "certificate.pem")


def server_context() -> ssl.SSLContext:
    """What a TLS server on 127.0.0.1 needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_folder() / "certificate.pem", _folder() / "key.pem")
    return context
