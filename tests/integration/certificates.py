"""Certificates, made anew for each test with the openssl command: authorities, and what they vouch for."""

import datetime
import pathlib
import subprocess

KEYS = {
    "ec": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "ed25519": ["-algorithm", "ED25519"],
}

CONFIGURATION = """
[ca]
default_ca = this
[this]
database = {folder}/index.txt
new_certs_dir = {folder}
certificate = {certificate}
private_key = {key}
default_md = default
policy = any
unique_subject = no
rand_serial = yes
[any]
commonName = optional
"""


def openssl(*words, **how):
    answer = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, timeout=60, **how)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def moment(days):
    """So many days from now, as openssl ca wants it."""
    return (datetime.datetime.utcnow() + datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")


class Identity:
    """A certificate with its key: `certificate` and `key` are files, `both` is one file with the two."""

    def __init__(self, certificate, key, password=None):
        self.certificate, self.key, self.password = certificate, key, password
        self.both = certificate.with_suffix(".both.pem")
        self.both.write_text(certificate.read_text() + key.read_text())
        self.both.chmod(0o600)


class Authority:
    """`above`: the authority that vouches for this one; None: it stands for itself."""

    def __init__(self, folder, name, kind="ec", above=None, starts=-1, ends=90):
        self.folder = pathlib.Path(folder) / f"authority-{name}"
        self.folder.mkdir()
        self.name, self.count = name, 0
        (self.folder / "index.txt").touch()
        key, request = self.folder / "ca.key", self.folder / "ca.csr"
        openssl("genpkey", *KEYS[kind], "-out", key)
        openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", request)
        self.key, self.certificate = key, self.folder / "ca.pem"
        extensions = "basicConstraints = critical, CA:true\nkeyUsage = keyCertSign\n"
        signer = above or self
        signer.sign(request, self.certificate, extensions, starts, ends, selfsign=not above)

    def sign(self, request, certificate, extensions, starts, ends, selfsign=False):
        configuration, extension_file = self.folder / "ca.cnf", self.folder / "extensions"
        configuration.write_text(
            CONFIGURATION.format(folder=self.folder, certificate=self.certificate, key=self.key)
        )
        extension_file.write_text(extensions)
        openssl(
            *("ca", "-batch", "-notext", "-config", configuration, "-in", request, "-out", certificate),
            *("-startdate", moment(starts), "-enddate", moment(ends), "-extfile", extension_file),
            *(["-selfsign"] if selfsign else []),
        )

    def issue(self, name, alternatives="", kind="ec", password=None, starts=-1, ends=60, chain=(), purpose=""):
        """An Identity. `alternatives` as openssl writes them ("DNS:a,IP:1.2.3.4"); `chain`: authorities that go into its file;
        `purpose`: what it is good for, such as clientAuth alone."""
        self.count += 1
        stem = self.folder / f"{self.count}"
        key, request = stem.with_suffix(".key"), stem.with_suffix(".csr")
        openssl("genpkey", *KEYS[kind], *(["-aes256", "-pass", f"pass:{password}"] if password else []), "-out", key)
        passing = ["-passin", f"pass:{password}"] if password else []
        openssl("req", "-new", "-key", key, *passing, "-subj", f"/CN={name}" if name else "/", "-out", request)
        extensions = f"subjectAltName = {alternatives}\n" if alternatives else "basicConstraints = CA:false\n"
        extensions += f"extendedKeyUsage = {purpose}\n" if purpose else ""
        self.sign(request, stem.with_suffix(".pem"), extensions, starts, ends)
        certificate = stem.with_suffix(".pem")
        certificate.write_text("".join(each.read_text() for each in (certificate, *(a.certificate for a in chain))))
        return Identity(certificate, key, password)
