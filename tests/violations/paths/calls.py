"""calls.py WORKSPACE GROUP...: what paths.py runs inside of a sandbox: system calls about paths, one after the other. Prints a JSON object: the name of
each with the error that it got, or "ok"."""
import ctypes
import errno
import json
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, AT_EMPTY_PATH, AT_REMOVEDIR = -100, 0x1000, 0x200
NOREPLACE, EXCHANGE = 1, 2
workspace, home = sys.argv[1], os.environ["HOME"]
results = {}
R, W, RW = os.O_RDONLY, os.O_WRONLY, os.O_RDWR
C, X, T = os.O_CREAT, os.O_EXCL, os.O_TRUNC
DIR, NOFOLLOW, TMPFILE, PATH = os.O_DIRECTORY, os.O_NOFOLLOW, os.O_TMPFILE, os.O_PATH


def attempt(name, call, *arguments, **more):
    assert name not in results, name
    try:
        result = call(*arguments, **more)
        if call is os.open:
            os.close(result)
        results[name] = "ok"
    except OSError as error:
        results[name] = errno.errorcode[error.errno]


def raw(name, function, *arguments):
    """A call of the C library as it is."""
    def call():
        packed = [ctypes.c_char_p(a) if isinstance(a, bytes) else a for a in arguments]
        if function(*packed) < 0:
            raise OSError(ctypes.get_errno(), "")
    attempt(name, call)


def rename(name, old, new, flags):
    raw(name, libc.renameat2, AT_FDCWD, old.encode(), AT_FDCWD, new.encode(), flags)


def open_calls():
    attempt("create in /usr", os.open, "/usr/new", W | C)
    attempt("create and truncate in /usr", os.open, "/usr/new", W | C | T)
    attempt("create for reading in /usr", os.open, "/usr/new-for-reading", R | C)
    attempt("create with a slash", os.open, "/usr/new/", W | C)
    attempt("create below what is missing", os.open, "/usr/missing/new", W | C)
    attempt("create below a file", os.open, "/etc/passwd/new", W | C)
    attempt("exclusive create of what is there", os.open, "/etc/passwd", W | C | X)
    attempt("exclusive create of a link", os.open, "dangling", W | C | X)
    attempt("create behind a dangling link", os.open, "dangling", W | C)
    attempt("create behind a link with O_NOFOLLOW", os.open, "dangling", W | C | NOFOLLOW)
    attempt("write own file on a read-only mount", os.open, "/etc/passwd", W)
    attempt("truncate by open", os.open, "/etc/passwd", W | T)
    attempt("truncate by open for reading", os.open, "/etc/passwd", R | T)
    attempt("read with O_CREAT", os.open, "/etc/passwd", R | C)
    attempt("append", os.open, "/etc/passwd", W | os.O_APPEND)
    attempt("read and write", os.open, "/etc/passwd", RW)
    attempt("write another's program", os.open, "/usr/bin/env", W)
    attempt("write through a link", os.open, "to_passwd", W)
    attempt("write a link itself", os.open, "to_passwd", W | NOFOLLOW)
    attempt("write a directory", os.open, "/usr/lib", W)
    attempt("write a directory with O_CREAT", os.open, "/usr/lib", W | C)
    attempt("write a file as a directory", os.open, "/etc/passwd", W | DIR)
    attempt("unnamed file in /usr", os.open, "/usr", RW | TMPFILE)
    attempt("unnamed file in the workspace", os.open, ".", RW | TMPFILE)
    attempt("write a device", os.open, "/dev/null", W | T)
    attempt("write a missing file", os.open, "/usr/missing", W)
    attempt("handle of a file", os.open, "/etc/passwd", PATH)
    attempt("write in the workspace", os.open, "plain", W | C | T)
    attempt("write in /tmp", os.open, "/tmp/plain", W | C | X)
    attempt("empty path", os.open, "", W | C)
    attempt("long name", os.open, "/usr/" + "n" * 300, W | C)
    attempt("long path", os.open, "/usr/" + "n/" * 3000, W | C)
    attempt("path of 4095 bytes", os.open, "/usr" + "/" * 4087 + "long", W | C)
    attempt("line end and escape", os.open, "/usr/a\n\x1b[31mb", W | C)
    attempt("no UTF-8", os.open, b"/usr/\xff\xfe", W | C)
    attempt("dots", os.open, "/usr/./lib/../lib//new", W | C)
    attempt("own standard output", os.open, "/dev/stdout", W)
    attempt("own descriptor", os.open, "/dev/fd/1", W)
    attempt("of /proc", os.open, "/proc/self/oom_score_adj", W | T)
    attempt("of /proc through a link", os.open, "to_proc/comm", W | T)
    attempt("new in /proc", os.open, "/proc/self/none", W | C)
    attempt("id mapping in /proc", os.open, "/proc/self/uid_map", W)
    attempt("create a directory", os.open, "/usr/created-directory", W | C | DIR)
    os.symlink("/usr", "__pycache__")
    attempt("through a link called __pycache__", os.open, "__pycache__/module", W | C)
    attempt("of another in /proc", os.open, "/proc/1/oom_score_adj", W)
    os.mkdir("below")
    os.chdir("below")
    attempt("relative to the working directory", os.open, "../../../../../../../../usr/relative", W | C)
    usr = os.open("/usr", R | DIR)
    attempt("relative to a descriptor", os.open, "of-descriptor", W | C, dir_fd=usr)
    attempt("through a descriptor's link", os.open, f"/proc/self/fd/{usr}/by-link", W | C)
    attempt("relative to a bad descriptor", os.open, "x", W | C, dir_fd=999)
    os.close(usr)
    os.chdir("/")
    attempt("relative in the root", os.open, "in-the-root", W | C)
    os.chdir("/usr/lib")
    attempt("up from /usr/lib", os.open, "../up", W | C)
    os.chdir(workspace)
    raw("creat", libc.creat, b"/usr/by-creat", 0o600)
    raw("bad address", libc.open, ctypes.c_void_p(8), W | C, 0o600)
    os.mkdir("gone")
    os.chdir("gone")
    os.rmdir("../gone")
    attempt("in a removed directory", os.open, "x", W | C)
    attempt("read in a removed directory", os.open, "x", R)
    os.chdir(workspace)


def directory_calls():
    attempt("mkdir", os.mkdir, "/usr/made")
    attempt("mkdir of a long name", os.mkdir, "/usr/" + "n" * 300)
    attempt("mkdir in /proc", os.mkdir, "/proc/none")
    attempt("mkdir of Python's", os.mkdir, "/usr/__pycache__")
    attempt("unlink with a slash", os.unlink, "/usr/bin/env/")
    attempt("rename of a file to a name with a slash", os.rename, "/usr/bin/env", "/usr/bin/with-slash/")
    attempt("mkdir with slashes", os.mkdir, "/usr/made-with-slashes//")
    attempt("mkdir of what is there", os.mkdir, "/usr/lib")
    attempt("mkdir of the root", os.mkdir, "/")
    attempt("mkdir of a dot", os.mkdir, "/usr/.")
    attempt("mkdir in the home", os.mkdir, home + "/made")
    attempt("mkdir in a missing one", os.mkdir, "/usr/missing/made")
    attempt("mkfifo", os.mkfifo, "/usr/pipe")
    attempt("symlink", os.symlink, "anywhere", "/usr/link")
    attempt("symlink to nothing", os.symlink, "", "/usr/link-to-nothing")
    attempt("symlink with a slash", os.symlink, "anywhere", "/usr/link-with-slash/")
    attempt("symlink over something", os.symlink, "anywhere", "/usr/lib")
    attempt("link", os.link, "/etc/passwd", "/etc/linked")
    attempt("link of what is missing", os.link, "/etc/missing", "/etc/linked-missing")
    attempt("link between mounts", os.link, "/etc/passwd", "linked")
    attempt("link from the workspace", os.link, "plain", "/usr/linked")
    attempt("unlink", os.unlink, "/usr/bin/env")
    attempt("unlink of what is missing", os.unlink, "/usr/bin/missing")
    attempt("unlink of a directory", os.unlink, "/usr/lib")
    attempt("unlink of a dot", os.rmdir, "/usr/.")
    attempt("rmdir", os.rmdir, "/usr/games")
    attempt("rmdir of the workspace", os.rmdir, workspace)
    attempt("rmdir of the root", os.rmdir, "/")
    attempt("unlink of a link", os.unlink, "to_passwd")
    rename("rename", "/usr/bin/env", "/usr/bin/other", 0)
    rename("rename of what is missing", "/usr/bin/missing", "/usr/bin/other", 0)
    rename("rename without replacing", "/usr/bin/env", "/usr/bin/cat", NOREPLACE)
    rename("rename by exchange", "/usr/bin/dirname", "/usr/bin/cat", EXCHANGE)
    rename("rename by exchange with nothing", "/usr/bin/env", "/usr/bin/missing", EXCHANGE)
    rename("rename out", "/usr/bin/env", "env", 0)
    rename("rename in", "plain", "/usr/bin/plain", 0)
    rename("rename inside", "plain", "plainer", 0)
    raw("rename with bad flags", libc.renameat2, AT_FDCWD, b"/usr/bin/env", AT_FDCWD, b"/usr/bin/o", 8)


def attribute_calls():
    attempt("truncate", os.truncate, "/etc/group", 0)
    attempt("truncate of a directory", os.truncate, "/usr", 0)
    attempt("truncate to less than nothing", os.truncate, "/etc/group", -1)
    attempt("truncate of what is missing", os.truncate, "/etc/missing", 0)
    attempt("chmod", os.chmod, "/etc/group", 0o600)
    attempt("chmod of another's", os.chmod, "/usr/bin/cat", 0o700)
    attempt("chmod of what is missing", os.chmod, "/usr/missing", 0o700)
    attempt("chmod in the workspace", os.chmod, "plainer", 0o600)
    with open("/etc/hosts") as file:
        attempt("fchmod", os.fchmod, file.fileno(), 0o600)
        attempt("times of a descriptor", os.utime, file.fileno())
    handle = os.open("/etc/hosts", PATH)
    attempt("fchmod of a handle", os.fchmod, handle, 0o600)
    os.close(handle)
    attempt("fchmod of no descriptor", os.fchmod, 999, 0o600)
    attempt("times", os.utime, "/etc/nsswitch.conf")
    attempt("times of a link", os.utime, "/bin", follow_symlinks=False)
    timespec = ctypes.c_long * 4
    omit, bad = timespec(0, 0x3FFFFFFE, 0, 0x3FFFFFFE), timespec(0, 2_000_000_000, 0, 0)
    raw("times that are left out", libc.utimensat, AT_FDCWD, b"/etc/group", omit, 0)
    raw("times that are none", libc.utimensat, AT_FDCWD, b"/etc/group", bad, 0)
    attempt("attribute", os.setxattr, "/etc/group", "user.a", b"x")
    attempt("attribute without a name", os.setxattr, "/etc/group", "", b"x")
    attempt("attribute in the workspace", os.setxattr, "plainer", "none.a", b"x")
    attempt("attribute taken away", os.removexattr, "/etc/group", "user.a")


def covered_calls():
    attempt("read what is denied", os.open, "denied.txt", R)
    attempt("write what is denied", os.open, "denied.txt", W)
    attempt("truncate what is denied", os.open, "denied.txt", W | T)
    attempt("list what is denied", os.open, "denied", R | DIR)
    attempt("read below what is denied", os.open, "denied/file", R)
    attempt("write below what is denied", os.open, "denied/file", W | C)
    attempt("mkdir below what is denied", os.mkdir, "denied/made")
    attempt("unlink below what is denied", os.unlink, "denied/file")
    attempt("enter what is denied", os.chdir, "denied")
    attempt("execute what is denied", os.execv, "./denied.txt", ["x"])
    attempt("execute below what is denied", os.execv, "denied/file", ["x"])
    attempt("chmod what is denied", os.chmod, "denied.txt", 0o600)
    attempt("unlink what is denied", os.unlink, "denied.txt")
    attempt("read what is closed by its mode", os.open, "closed.txt", R)
    attempt("write what is closed by its mode", os.open, "closed.txt", W)
    attempt("execute what is not executable", os.execv, "./plainer", ["x"])
    attempt("execute a directory", os.execv, "/usr", ["x"])
    attempt("execute what is missing", os.execv, "/usr/bin/missing", ["x"])
    attempt("enter what is missing", os.chdir, "/usr/missing")
    attempt("enter a file", os.chdir, "/etc/passwd")
    attempt("read what is hidden", os.open, "hidden.txt", R)
    attempt("list what is hidden", os.open, "hidden", R | DIR)
    attempt("read below what is hidden", os.open, "hidden/file", R)
    attempt("write below what is hidden", os.open, "hidden/file", W | C)
    attempt("write what is hidden", os.open, "hidden.txt", W)
    attempt("execute what is hidden", os.execv, "./hidden.txt", ["x"])
    attempt("read what no sandbox has", os.open, "/srv/missing", R)


def protected_calls():
    attempt("write a hook", os.open, ".git/hooks/post-commit", W | C)
    attempt("change a hook", os.open, ".git/hooks/pre-commit", W | T)
    attempt("remove a hook", os.unlink, ".git/hooks/pre-commit")
    attempt("remove hooks", os.rmdir, ".git/hooks")
    attempt("rename hooks", os.rename, ".git/hooks", ".git/hooks2")
    attempt("rename the repository", os.rename, ".git", "git2")
    os.mkdir("empty")
    attempt("rename over hooks", os.rename, "empty", ".git")
    attempt("write beside hooks", os.open, ".git/description", W | C)


for group in sys.argv[2:]:
    globals()[group + "_calls"]()
json.dump(results, sys.stdout)
