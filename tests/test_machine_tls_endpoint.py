"""
Tests of L{gamenet.machine.tls_endpoint} and L{gamenet.machine.certificates} without
sockets: descriptions, files, chains, versions.
"""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL.SSL import Connection, Context, WantReadError
from twisted.internet.endpoints import quoteStringArgument
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadAddress, BadSetting
from gamenet.machine.certificates import CertificateFiles, ReloadableCertificate
from gamenet.machine.reactor_machine import ReactorMachine
from gamenet.machine.tls_endpoint import TlsServerEndpoint
from tests.pem_files import Identity
from tests.twistd_process import ROOT, environment


def handshake(server: Context, client: ssl.SSLContext) -> ssl.SSLObject:
    """Let a client shake hands in memory, and return its end; raises what it raises."""
    near, far = ssl.MemoryBIO(), ssl.MemoryBIO()
    end = client.wrap_bio(near, far, server_hostname="localhost")
    other = Connection(server, None)
    other.set_accept_state()
    for _ in range(10):
        try:
            end.do_handshake()
            return end
        except ssl.SSLWantReadError:
            pass
        other.bio_write(far.read())
        try:
            other.do_handshake()
        except WantReadError:
            pass
        except Exception:
            end_of_it = True
        else:
            end_of_it = False
        try:
            near.write(other.bio_read(1 << 16))
        except WantReadError:
            assert end_of_it
    raise AssertionError("they never agree")


class CertificateTests(SynchronousTestCase):
    """L{ReloadableCertificate}."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.root = Identity.issue("root", authority=True)
        self.middle = Identity.issue("middle", self.root, authority=True)
        self.leaf = Identity.issue("leaf", self.middle)
        self.key, self.certificate = self.leaf.write(self.folder)
        self.chain = self.folder / "chain.pem"

    def client(self, *trusted: Identity) -> ssl.SSLContext:
        """Return a client's context that trusts these alone."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        text = b"".join(each.certificatePem() for each in trusted)
        context.load_verify_locations(cadata=text.decode())
        return context

    def files(self, chain: bool = False) -> CertificateFiles:
        """Return where ours are."""
        return CertificateFiles(
            str(self.key), str(self.certificate), str(self.chain) if chain else None
        )

    def test_chainInItsFile(self) -> None:
        """C{extraCertChain} is shown: a client that knows the root alone trusts us."""
        self.chain.write_bytes(self.middle.certificatePem())
        shown = ReloadableCertificate(self.files(chain=True))
        handshake(shown.getContext(), self.client(self.root))

    def test_chainBehindTheCertificate(self) -> None:
        """The rest of the certificate's own file is its chain (C{fullchain.pem})."""
        self.certificate.write_bytes(self.leaf.certificatePem() + self.middle.certificatePem())
        shown = ReloadableCertificate(self.files())
        end = handshake(shown.getContext(), self.client(self.root))
        der = end.getpeercert(binary_form=True)
        assert der is not None
        self.assertEqual(x509.load_der_x509_certificate(der), self.leaf.certificate)

    def test_noChain(self) -> None:
        """Without it the same client does not: the two tests above can fail."""
        shown = ReloadableCertificate(self.files())
        with self.assertRaises(ssl.SSLCertVerificationError):
            handshake(shown.getContext(), self.client(self.root))

    def test_oneFile(self) -> None:
        """Key and certificate may be in one file."""
        self.key.write_bytes(self.leaf.keyPem() + self.leaf.certificatePem())
        shown = ReloadableCertificate(CertificateFiles(str(self.key), str(self.key)))
        with self.assertRaises(ssl.SSLCertVerificationError):
            handshake(shown.getContext(), self.client(self.root))

    def test_versions(self) -> None:
        """TLS 1.2 and 1.3 are spoken, and nothing older."""
        self.chain.write_bytes(self.middle.certificatePem())
        shown = ReloadableCertificate(self.files(chain=True))
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            client = self.client(self.root)
            client.minimum_version = client.maximum_version = version
            handshake(shown.getContext(), client)
        old = self.client(self.root)
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises(ssl.SSLError) as caught:
            handshake(shown.getContext(), old)
        self.assertIn("PROTOCOL_VERSION", str(caught.exception))

    def test_elsewhere(self) -> None:
        """C{--rundir}: files are found again by a process that has changed its directory."""
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        Path("chain.pem").write_bytes(self.middle.certificatePem())
        files = CertificateFiles("key.pem", "certificate.pem", "chain.pem")
        shown = ReloadableCertificate(files)
        os.chdir("/")
        shown.reload()
        handshake(shown.getContext(), self.client(self.root))

    def test_badFiles(self) -> None:
        """Bad input: each file that does not do is refused by name, and none takes effect."""
        self.chain.write_bytes(self.middle.certificatePem())
        shown = ReloadableCertificate(self.files(chain=True))
        context = shown.getContext()
        begin, end = b"-----BEGIN CERTIFICATE-----\n", b"\n-----END CERTIFICATE-----\n"
        for path, contents in [
            (self.key, b""),
            (self.key, b"no key"),
            (self.key, self.middle.keyPem()),
            (self.key, self.leaf.keyPem()[:100]),
            (self.certificate, b""),
            (self.certificate, self.leaf.keyPem()),
            (self.certificate, begin + b"AAAA" + end),
            (self.certificate, self.root.certificatePem()),
            (self.certificate, self.leaf.certificatePem() + begin + b"!" + end),
            (self.certificate, bytes((1 << 20) + 1)),
            (self.certificate, self.leaf.certificatePem() + bytes(1 << 20)),
            (self.chain, b""),
            (self.chain, begin + b"AAAA" + end),
        ]:
            good = path.read_bytes()
            path.write_bytes(contents)
            with self.assertRaises(BadSetting) as caught:
                shown.reload()
            self.assertIn(self.folder.name, str(caught.exception))
            with self.assertRaises(BadSetting):
                ReloadableCertificate(self.files(chain=True))
            self.assertIs(shown.getContext(), context)
            path.write_bytes(good)
        for path in (self.key, self.certificate, self.chain):
            good = path.read_bytes()
            path.unlink()
            error = self.assertRaises(BadSetting, shown.reload)
            self.assertIn(str(path), str(error))
            path.write_bytes(good)
        shown.reload()
        self.assertIsNot(shown.getContext(), context)

    def test_secretOfTheKey(self) -> None:
        """A refusal shows nothing of the key."""
        self.certificate.write_bytes(self.root.certificatePem())
        error = self.assertRaises(BadSetting, ReloadableCertificate, self.files())
        body = self.leaf.keyPem().decode().splitlines()[1]
        self.assertNotIn(body[:16], str(error))

    def test_weakKey(self) -> None:
        """A key that is too short for TLS is refused now, not at the first handshake."""
        weak = Identity.issue("weak", key=rsa.generate_private_key(65_537, 1024))
        self.key, self.certificate = weak.write(self.folder)
        error = self.assertRaises(BadSetting, ReloadableCertificate, self.files())
        self.assertIn("small", str(error))

    def test_protectedKey(self) -> None:
        """A key with a passphrase is refused: nobody is there to be asked, and nobody is."""
        protected = self.leaf.key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
        self.key.write_bytes(protected)
        self.assertRaises(BadSetting, ReloadableCertificate, self.files())


class DescriptionTests(SynchronousTestCase):
    """What C{tls:} descriptions mean."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.key, self.certificate = Identity.issue("any").write(self.folder)
        self.files = f"privateKey={self.key}:certKey={self.certificate}"
        self.reactor = MemoryReactorClock()

    def endpoint(self, description: str) -> TlsServerEndpoint:
        """Return the endpoint of a description."""
        made = ReactorMachine(self.reactor).streamServerEndpoint(description)
        assert isinstance(made, TlsServerEndpoint)
        return made

    def test_parts(self) -> None:
        """Every part has its meaning, in any order, and most of them a default."""
        plain = self.endpoint(f"tls:5349:{self.files}")
        self.assertEqual((plain.port, plain.interface, plain.backlog), (5349, "", 50))
        self.assertEqual(
            plain.certificate.files, CertificateFiles(str(self.key), str(self.certificate))
        )
        full = self.endpoint(
            f"tls:{self.files}:extraCertChain={self.certificate}:backlog=7"
            r":interface=2001\:db8\:\:1:port=0"
        )
        self.assertEqual((full.port, full.interface, full.backlog), (0, "2001:db8::1", 7))
        self.assertEqual(full.certificate.files.chain, str(self.certificate))

    def test_certificateInTheKeyFile(self) -> None:
        """Without C{certKey} the certificate is where the key is, as in C{ssl:}."""
        both = self.folder / "both.pem"
        both.write_bytes(self.key.read_bytes() + self.certificate.read_bytes())
        files = self.endpoint(f"tls:1:privateKey={both}").certificate.files
        self.assertEqual(files, CertificateFiles(str(both), str(both)))

    def test_quoting(self) -> None:
        """A file's name may hold what descriptions are made of, after backslashes."""
        odd = self.folder / "a:b=c\\d \N{SNOWMAN}"
        odd.mkdir()
        key, certificate = Identity.issue("odd").write(odd)
        described = (
            f"tls:1:privateKey={quoteStringArgument(str(key))}"
            f":certKey={quoteStringArgument(str(certificate))}"
        )
        files = self.endpoint(described).certificate.files
        self.assertEqual(files, CertificateFiles(str(key), str(certificate)))

    def test_refused(self) -> None:
        """Bad input: what is no description is a L{BadAddress} that quotes it."""
        for description in (
            "tls:",
            "tls:5349",
            f"tls:{self.files}",
            f"tls:-1:{self.files}",
            f"tls:65536:{self.files}",
            f"tls:\N{ARABIC-INDIC DIGIT ONE}:{self.files}",
            "tls:" + "1" * 5000 + f":{self.files}",
            f"tls:1:2:{self.files}",
            f"tls:1:port=1:{self.files}",
            f"tls:1:{self.files}:certKey=x",
            f"tls:1:{self.files}:dhParameters=x",
            f"tls:1:{self.files}:sslmethod=SSLv3_METHOD",
            f"tls:1:{self.files}:backlog=0",
            f"tls:1:{self.files}:backlog=many",
            f"tls:1:{self.files}:interface=localhost",
            rf"tls:1:{self.files}:interface=\:\:1\:0\:\:",
            f"tls:1:{self.files}:interface=a\0b",
            "tls:1:privateKey=",
            f"tls:1:certKey={self.certificate}",
        ):
            error = self.assertRaises(BadAddress, self.endpoint, description)
            self.assertIn(repr(description), str(error))

    def test_badFile(self) -> None:
        """A file that is missing is a L{BadSetting} with its name."""
        error = self.assertRaises(BadSetting, self.endpoint, "tls:1:privateKey=/nowhere/key.pem")
        self.assertIn("/nowhere/key.pem", str(error))

    def test_withoutTheExtra(self) -> None:
        """Where pyOpenSSL is not installed the extra that brings it is named."""
        text = (
            "import sys; sys.modules['OpenSSL'] = None\n"
            "from twisted.internet.testing import MemoryReactorClock\n"
            "from gamenet.errors import BadAddress\n"
            "from gamenet.machine.reactor_machine import ReactorMachine\n"
            "machine = ReactorMachine(MemoryReactorClock())\n"
            "machine.streamServerEndpoint('tcp:1')\n"
            "try: machine.streamServerEndpoint(sys.argv[1])\n"
            "except BadAddress as error: print(error)\n"
        )
        finished = subprocess.run(
            [sys.executable, "-c", text, f"tls:1:{self.files}"],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        self.assertIn("install gamenet[tls]", finished.stdout)

    @given(st.dictionaries(st.sampled_from(["privateKey", "certKey"]), st.text(max_size=20)))
    @settings(deadline=None, max_examples=50)
    def test_anyText(self, values: dict[str, str]) -> None:
        """Bad input: whatever is quoted comes out as it went in, or is refused by name."""
        described = "tls:1" + "".join(
            f":{name}={quoteStringArgument(value)}" for name, value in values.items()
        )
        try:
            self.endpoint(described)
        except BadAddress:
            self.assertFalse(values.get("privateKey"))
        except BadSetting as error:
            self.assertIn(repr(os.path.abspath(values["privateKey"])), str(error))
        else:
            raise AssertionError(described)

    @given(st.text(max_size=40))
    @settings(deadline=None, max_examples=100)
    def test_anyDescription(self, text: str) -> None:
        """Bad input: any text is an endpoint or refused by name."""
        try:
            self.endpoint("tls:" + text)
        except (BadAddress, BadSetting):
            return
