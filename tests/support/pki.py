"""A small CA made by the product's own code, and certificates that depart from its profile in one thing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from egide.trust.cose import PublicKey
from egide.trust.identity import Authority, issue_object, make_issuing, make_root
from egide.trust.identity.profile import key_identifier, key_usage

START = 1_800_000_000_000
DAY = 86_400_000
OBJECT = "3f0c8f7e-6a5b-4c3d-9e2f-1a0b9c8d7e6f"
URI = f"urn:uuid:{OBJECT}"


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


@dataclass(frozen=True, slots=True)
class TestPki:
    """Root and issuing CA, in force from START for 1000 days, and an object's key."""

    __test__ = False

    root: Authority
    issuing: Authority
    key: ed25519.Ed25519PrivateKey

    @property
    def roots(self) -> list[bytes]:
        return [der(self.root.certificate)]

    @property
    def chain(self) -> list[bytes]:
        return [der(self.issuing.certificate)]

    def leaf(self, **changes: Any) -> x509.Certificate:
        """An object's certificate, in force from START for 90 days."""
        given = {
            "key": PublicKey(self.key.public_key()), "uri": URI, "serial": 3,
            "not_before_ms": START, "not_after_ms": START + 90 * DAY, **changes,
        }  # fmt: skip
        return issue_object(self.issuing, given.pop("key"), **given)


@cache
def make_pki(name: str = "Test") -> TestPki:
    """Always the same for the same name within a run."""
    root_key, issuing_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = Authority(
        certificate=make_root(f"{name} root", root_key, not_before_ms=START, days=1000, serial=1),
        key=root_key,
    )
    issuing = make_issuing(
        root, f"{name} issuing", issuing_key.public_key(), not_before_ms=START, days=1000, serial=2
    )
    return TestPki(
        root=root,
        issuing=Authority(certificate=issuing, key=issuing_key),
        key=ed25519.Ed25519PrivateKey.generate(),
    )


Extension = tuple[x509.ExtensionType, bool]


@dataclass(kw_only=True)
class Forgery:
    """A certificate of the profile until something is changed; the issuer is given whole."""

    issuer: x509.Name
    issuer_key: ec.EllipticCurvePrivateKey
    key: Any = field(default_factory=lambda: make_pki().key.public_key())
    subject: str = OBJECT
    ca: bool = False
    path_length: int | None = None
    usage: x509.KeyUsage | None = None
    eku: Iterable[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.CLIENT_AUTH,)
    san: Iterable[x509.GeneralName] = (x509.UniformResourceIdentifier(URI),)
    key_id: x509.SubjectKeyIdentifier | None = None
    authority_key: Any = None
    critical: frozenset[type[x509.ExtensionType]] = frozenset({x509.BasicConstraints, x509.KeyUsage})
    without: frozenset[type[x509.ExtensionType]] = frozenset()
    more: tuple[Extension, ...] = ()
    start_ms: int = START
    end_ms: int = START + 90 * DAY
    algorithm: Any = field(default_factory=hashes.SHA256)

    def extensions(self) -> list[Extension]:
        authority = key_identifier(self.authority_key or self.issuer_key.public_key())
        made: list[x509.ExtensionType] = [
            x509.BasicConstraints(ca=self.ca, path_length=self.path_length),
            self.usage or key_usage(ca=self.ca),
            self.key_id or key_identifier(self.key),
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority),
        ]
        if not self.ca or self.more:
            made += [x509.ExtendedKeyUsage(self.eku), x509.SubjectAlternativeName(self.san)]
        kept = [(each, type(each) in self.critical) for each in made if type(each) not in self.without]
        return [*kept, *self.more]

    def sign(self) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.subject)]))
            .issuer_name(self.issuer)
            .public_key(self.key)
            .serial_number(7)
            .not_valid_before(datetime.fromtimestamp(self.start_ms / 1000, UTC))
            .not_valid_after(datetime.fromtimestamp(self.end_ms / 1000, UTC))
        )
        for extension, critical in self.extensions():
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self.issuer_key, self.algorithm)
