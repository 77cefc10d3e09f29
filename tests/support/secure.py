"""A Kafka that lets nobody in without a password or a certificate, and nobody do what no ACL allows.

Owns: certificates (made by openssl in the test's directory), listeners with SASL_SSL and with mTLS, the authorizer, users
and their ACLs as deploy/acls has them. Must not know what Baton does with them.
"""

import argparse
import shlex
import shutil
import subprocess
from pathlib import Path

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from support.kafka import Kafka
from support.paths import ROOT
from support.process import free_port

ACLS = ROOT / "deploy" / "acls"
BROKER = "broker"
ORCHESTRATOR = "baton-orchestrator"
WORKER = "baton-worker"
USERS = (ORCHESTRATOR, WORKER)
PASSWORD = "only-for-tests-{}"


class Certificates:
    """An authority of the test's own, and a certificate in PEM for each name."""

    def __init__(self, directory, names):
        assert shutil.which("openssl"), "openssl is not on PATH: install openssl"
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.authority = self.directory / "ca.pem"
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test authority",
                      "-keyout", self._file("ca.key"), "-out", self.authority)
        for name in names:
            self._make(name)

    def key(self, name):
        """The private key's file (PKCS#8)."""
        return self._file(f"{name}.key")

    def certificate(self, name):
        """The certificate's file."""
        return self._file(f"{name}.pem")

    def _make(self, name):
        request, extensions = self._file(f"{name}.csr"), self._file(f"{name}.ext")
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n")
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", self.key(name), "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.authority, "-CAkey", self._file("ca.key"), "-CAcreateserial",
                      "-days", "2", "-extfile", extensions, "-out", self.certificate(name))

    def _file(self, name):
        return self.directory / name

    def _openssl(self, *arguments):
        run = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
        assert run.returncode == 0, f"openssl {arguments}: {run.stderr}"


class SecureKafka(Kafka):
    """One broker with two doors: `address` for certificates (mTLS), `sasl_address` for passwords (SCRAM over TLS)."""

    def __init__(self, directory):
        self.certificates = Certificates(Path(directory) / "certificates", (BROKER, *USERS))
        self.sasl_address = f"127.0.0.1:{free_port()}"
        scram = [f"--add-scram=SCRAM-SHA-512=[name={user},password={password(user)},iterations=4096]" for user in USERS]
        super().__init__(directory, client=self.mtls(BROKER), format_arguments=scram)

    def mtls(self, user):
        """librdkafka's properties of a client with a certificate."""
        return {
            "security.protocol": "ssl",
            "ssl.ca.location": str(self.certificates.authority),
            "ssl.certificate.location": str(self.certificates.certificate(user)),
            "ssl.key.location": str(self.certificates.key(user)),
        }

    def sasl(self, user, word=None):
        """librdkafka's properties of a client with a password."""
        return {
            "security.protocol": "sasl_ssl",
            "ssl.ca.location": str(self.certificates.authority),
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": word or password(user),
        }

    def allow(self, user, file):
        """Gives a user what a file of deploy/acls says."""
        bindings = list(read_acls(file, user))
        for done in self.admin.create_acls(bindings).values():
            done.result(20)
        return bindings

    def listeners(self):
        """Three doors, each with TLS: brokers and controllers among themselves use the one for certificates."""
        pem = {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.key": one_line(self.certificates.key(BROKER)),
            "ssl.keystore.certificate.chain": one_line(self.certificates.certificate(BROKER)),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.certificates": one_line(self.certificates.authority),
        }
        login = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        return {
            "listeners": f"MTLS://{self.address},SASL://{self.sasl_address},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": f"MTLS://{self.address},SASL://{self.sasl_address}",
            "listener.security.protocol.map": "MTLS:SSL,SASL:SASL_SSL,CONTROLLER:SSL",
            "inter.broker.listener.name": "MTLS",
            "ssl.client.auth": "required",
            "listener.name.sasl.ssl.client.auth": "none",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.sasl.scram-sha-512.sasl.jaas.config": login,
            # A certificate's common name and a password's user name are the same user.
            "ssl.principal.mapping.rules": r"RULE:^CN=([^,]+).*$/$1/",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": f"User:{BROKER}",
            **pem,
        }

    def _format(self, arguments):
        self.settings = {**self.listeners(), **self.settings}
        super()._format(arguments)


def password(user):
    """A user's password."""
    return PASSWORD.format(user)


def read_acls(file, user):
    """The ACLs of a file for a user. Each line has the arguments of `kafka-acls --add`; `#` begins a comment."""
    for line in (ACLS / file).read_text().splitlines():
        words = shlex.split(line, comments=True)
        if words:
            yield from _bindings(_arguments().parse_args(words), user)


def _arguments():
    parser = argparse.ArgumentParser()
    for option in ("--topic", "--group", "--transactional-id"):
        parser.add_argument(option)
    parser.add_argument("--cluster", action="store_true")
    parser.add_argument("--operation", action="append", required=True)
    parser.add_argument("--resource-pattern-type", choices=("prefixed", "literal"), default="literal")
    return parser


def _bindings(words, user):
    kinds = {
        ResourceType.TOPIC: words.topic,
        ResourceType.GROUP: words.group,
        ResourceType.BROKER: "kafka-cluster" if words.cluster else None,
    }
    pattern = ResourcePatternType.PREFIXED if words.resource_pattern_type == "prefixed" else ResourcePatternType.LITERAL
    for kind, name in kinds.items():
        for operation in words.operation if name else ():
            allowed = AclOperation[_constant(operation)]
            yield AclBinding(kind, name, pattern, f"User:{user}", "*", allowed, AclPermissionType.ALLOW)


def _constant(operation):
    """`DescribeConfigs` -> `DESCRIBE_CONFIGS`."""
    return "".join(f"_{letter}" if letter.isupper() and at else letter for at, letter in enumerate(operation)).upper()


def one_line(file):
    """A PEM file as the value of a property: line ends written out."""
    return Path(file).read_text().strip().replace("\n", "\\n")
