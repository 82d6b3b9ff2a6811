#!/usr/bin/env python3
"""without_user_namespaces.py COMMAND [ARG...]: runs the command where no user namespace can be made.

That place is a user namespace itself, in which every id is what it is outside (for root), or the own
one (for others), and in which user.max_user_namespaces, kept for each, is 0.
"""
import ctypes
import os
import sys

CLONE_NEWUSER = 0x10000000
NOT_POSSIBLE = 77


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def map_all_ids(ready, done):
    """In a child that stays outside: only there is root allowed to map more than one id."""
    os.read(ready, 1)
    with open("/proc/self/uid_map", encoding="ascii") as file:
        rows = [row.split() for row in file]
    text = "".join(f"{inside} {inside} {count}\n" for inside, _, count in rows)
    for name in ("uid_map", "gid_map"):
        write(f"/proc/{os.getppid()}/{name}", text)
    os.write(done, b"x")
    os._exit(0)


def main():
    uid, gid = os.getuid(), os.getgid()
    ready_read, ready_write = os.pipe()
    done_read, done_write = os.pipe()
    helper = 0
    if uid == 0:
        helper = os.fork()
        if helper == 0:
            map_all_ids(ready_read, done_write)
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) != 0:
        print("SKIP: user namespaces, to make one in which there are no more")
        sys.exit(NOT_POSSIBLE)
    if uid == 0:
        os.write(ready_write, b"x")
        os.read(done_read, 1)
        os.waitpid(helper, 0)
    else:
        write("/proc/self/setgroups", "deny")
        write("/proc/self/uid_map", f"{uid} {uid} 1")
        write("/proc/self/gid_map", f"{gid} {gid} 1")
    write("/proc/sys/user/max_user_namespaces", "0")
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
