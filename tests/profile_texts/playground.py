"""A home and a workspace of their own, in which `mayfly` can be asked about profiles."""
import os
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
MAYFLY = os.environ.get("MAYFLY", "build/mayfly")


class Playground:
    """HOME is BASE/home with the files of bad/ in ~/bad; commands run in BASE/work."""

    def __enter__(self):
        self.base = os.path.realpath(tempfile.mkdtemp(prefix="mayfly-profile-", dir="/var/tmp"))
        os.chmod(self.base, 0o755)
        self.home, self.work = self.base + "/home", self.base + "/work"
        os.mkdir(self.home)
        os.mkdir(self.work)
        if os.getuid() == 0:
            os.chown(self.work, 21000, 21000)  # the same text for root as for a user
        shutil.copytree(HERE + "/bad", self.home + "/bad")
        for folder, _, files in os.walk(self.home + "/bad"):
            os.chmod(folder, 0o755)
            for name in files:
                os.chmod(os.path.join(folder, name), 0o644)
        self.profiles = self.home + "/.config/mayfly/profiles"
        # Nothing of the machine's that would make one answer differ from another.
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": self.home, "MAYFLY": MAYFLY,
                            "LC_ALL": "C"}
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.base)

    def mayfly(self, *words, **options):
        return subprocess.run([MAYFLY, "profile", *words], cwd=self.work, env=self.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60, **options)

    def shell(self, line):
        """`line` with `mayfly` as the program under test."""
        script = 'umask 022; mayfly() { "$MAYFLY" "$@"; }\n' + line
        return subprocess.run(["/bin/bash", "-c", script], cwd=self.work, env=self.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
