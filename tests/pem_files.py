"""Keys and certificates that live as long as a test, as PEM."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

__all__ = ["Identity"]


@frozen
class Identity:
    """
    A certificate and its key.

    @ivar name: Whose, as the certificate says.
    """

    name: str
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

    @classmethod
    def issue(
        cls,
        name: str,
        issuer: Identity | None = None,
        authority: bool = False,
        key: rsa.RSAPrivateKey | None = None,
    ) -> Identity:
        """
        Make one.

        @param issuer: Who signs it; C{None} is the certificate itself.
        @param authority: Whether it may sign others.
        @param key: Its key; C{None} is a new one.
        """
        own = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        loopback = [x509.IPAddress(ipaddress.ip_address(host)) for host in ("127.0.0.1", "::1")]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(own.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.datetime(2020, 1, 1))
            .not_valid_after(datetime.datetime(2100, 1, 1))
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName("localhost"), *loopback]), critical=False
            )
            .sign(issuer.key if issuer else own, hashes.SHA256())
        )
        return cls(name, certificate, own)

    def certificatePem(self) -> bytes:
        """Return the certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def keyPem(self) -> bytes:
        """Return the key, without a passphrase."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write C{key.pem} and C{certificate.pem} into a folder, and return their paths."""
        key, certificate = folder / "key.pem", folder / "certificate.pem"
        key.write_bytes(self.keyPem())
        certificate.write_bytes(self.certificatePem())
        return key, certificate
