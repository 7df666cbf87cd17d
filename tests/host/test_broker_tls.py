"""TLS to a broker: a certificate that is known, one that is not, and one of another host."""

import datetime
import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import real_brokers
from dsoftbus.broker.group import Group
from dsoftbus.errors import BROKER_GONE, BusError
from dsoftbus_host.storage import group_file
from dsoftbus_host.storage.group_file import KnownGroup
from meeting_nodes import SECRET, Nodes, link_of, run, until


def certificate(folder, name: str):
    """Writes key.pem and cert.pem, which is its own authority, for the address `name`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker of a test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    address = x509.IPAddress(ipaddress.ip_address(name))
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([address]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(pem, form, plain))
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    return folder / "cert.pem"


def broker(folder):
    kind = real_brokers.KINDS["mosquitto"]
    if kind.missing():
        pytest.skip(kind.missing())
    listener = f"certfile {folder / 'cert.pem'}\nkeyfile {folder / 'key.pem'}"
    return real_brokers.Broker(kind(folder, listener=listener), tls=True)


def join(nodes: Nodes, name: str, url: str, ca: str) -> None:
    path = group_file.beside(nodes.folder / f"{name}.json")
    group_file.add(path, KnownGroup(Group(SECRET, "home", url), ca))


def test_with_an_authority_that_the_group_names(tmp_path):
    ca = str(certificate(tmp_path, "127.0.0.1"))
    with broker(tmp_path) as there:
        url = f"mqtts://127.0.0.1:{there.port}"
        nodes = Nodes(tmp_path, url)
        for name in ("attic", "desk"):
            join(nodes, name, url, ca)

        async def test():
            async with nodes.attic(groups=None) as attic, nodes.desk(groups=None) as desk:
                assert await desk.peer(attic.id).call("double", "x" * 10000) == "x" * 20000

        run(test())


@pytest.mark.parametrize(("name", "known"), [("127.0.0.1", False), ("127.0.0.2", True)])
def test_a_certificate_that_is_not_trusted_is_said(tmp_path, name, known):
    ca = str(certificate(tmp_path, name))
    with broker(tmp_path) as there:
        url = f"mqtts://127.0.0.1:{there.port}"
        nodes = Nodes(tmp_path, url)
        join(nodes, "attic", url, ca if known else "")

        async def test():
            async with nodes.attic(groups=None) as attic:
                await until(lambda: link_of(attic).connection.why)
                assert "its certificate is not trusted" in link_of(attic).connection.why
                with pytest.raises(BusError) as error:
                    await attic.connect("home", 0, bytes(31) + b"\1", 100, link="mqtt")
                assert error.value.code == BROKER_GONE

        run(test())
