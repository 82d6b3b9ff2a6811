#!/usr/bin/env python3
"""links.py: no rule that an agent, or a project that somebody cloned, can write shows a file of the host
over a symbolic link in the workspace. Each attack must not print a secret, and must end as it says.

$MAYFLY is the program.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SECRETS = ("TOPSECRET", "KEYRING", "HIDDENENV")


class Ground:
    def __init__(self):
        self.top = pathlib.Path(tempfile.mkdtemp())
        os.chmod(self.top, 0o755)
        self.home, self.work = self.top / "home", self.top / "w"
        for directory in (self.home / ".ssh", self.home / ".local/share/k", self.work / "d",
                          self.work / "sub", self.work / "data/share"):
            directory.mkdir(parents=True)
        (self.home / ".ssh/id_rsa").write_text("TOPSECRET\n")
        (self.home / ".local/share/k/login").write_text("KEYRING\n")
        (self.work / "sub/.env").write_text("HIDDENENV\n")
        (self.work / "d/x").symlink_to(self.home)
        (self.work / "zlink").symlink_to("sub")

    def project(self, text):
        (self.work / ".mayfly").mkdir(exist_ok=True)
        (self.work / ".mayfly/profile.toml").write_text(text)

    def no_project(self):
        shutil.rmtree(self.work / ".mayfly", ignore_errors=True)

    def run(self, *options, command, said, code=None):
        environment = {"HOME": str(self.home), "PATH": "/usr/bin:/bin"}
        done = subprocess.run([os.environ["MAYFLY"], "run", *options, "--", "bash", "-c", command], env=environment,
                              cwd=self.work, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        output = done.stdout + done.stderr
        if any(secret in output for secret in SECRETS) or said not in output or (
                code is not None and done.returncode != code):
            sys.exit(f"{options} {command}: {done.returncode}: {output}")


def main():
    ground = Ground()
    work = str(ground.work)
    try:
        # Where the mount point is made in memory nothing looks at the link but who opens the source.
        for cover in ('tmpfs = { "${workspace}/d" = "1M" }', 'hide = ["${workspace}/d"]'):
            ground.project(f'[filesystem]\n{cover}\nread = ["${{workspace}}/d/x/.ssh"]\n')
            ground.run(command="cat d/x/.ssh/id_rsa", said="No such file", code=1)
        ground.project('[filesystem]\nhide = ["${workspace}/zlink"]\nread = ["${workspace}/zlink/.env"]\n')
        ground.run("--hide", f"{work}/sub/.env", command="cat sub/.env", said="E2001", code=125)
        # What there is on the host is not told, whether it is there or not.
        for path in ("${home}/.ssh", "${home}/.none", "/usr/bin/awk"):
            ground.project(f'[filesystem]\nread = ["{path}"]\n')
            ground.run(command="true", said="is outside of the workspace", code=125)
        ground.project('[filesystem]\nread = ["${workspace}/**/x"]\n')
        ground.run(command="true", said="is a pattern", code=125)
        ground.no_project()
        # A part of a path that was bound before, and is a link now.
        bind = ("--bind", f"{work}/data/share:/shared")
        ground.run(*bind, command="mv data data.old && ln -s $HOME/.local data; echo done", said="done")
        ground.run(*bind, command="cat /shared/k/login", said="E2001", code=125)
        # Under another name.
        ground.run("--deny", f"{work}/sub/.env", "--bind", f"{work}/sub:/alias", command="cat /alias/.env",
                   said="would show under another name", code=125)
        ground.run("--deny", f"{work}/zlink", command="cat zlink/.env", said="is a symbolic link", code=125)
        # A link that matches covers nothing but itself: calls after it go on.
        (ground.work / "a").mkdir()
        for name, target in (("0.pem", "/proc"), ("1.pem", "/dev/"), ("2.pem", "/usr/bin")):
            (ground.work / "a" / name).symlink_to(target)
        (ground.work / "a/y.pem").write_text("TOPSECRET\n")
        ground.run("--deny", f"{work}/**/*.pem", command="cat a/y.pem; ls / >/dev/null && echo went on", said="went on")
        # A profile that could be rewritten by what runs under it.
        own = ground.top / "own"
        own.mkdir()
        (own / "p.toml").write_text(f'extends = "default"\n[filesystem]\nwrite = ["{own}"]\n')
        ground.run("--profile", str(own / "p.toml"), command="true", said="E2001", code=125)
    finally:
        shutil.rmtree(ground.top, ignore_errors=True)


main()
