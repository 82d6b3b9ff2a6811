// Attack 5: set-id bits, capabilities of files and device nodes that would stay on the host's disk,
// by every path that makes or changes a mode. The runner looks at the disk afterwards: there it
// does not matter what these calls returned.
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "victim.h"

using namespace mayfly::victim;

namespace {

constexpr int kFchmodat2 = 452;
int counter = 0;

std::string fresh() { return "made-" + std::to_string(++counter); }

std::string fresh_file() {
  const std::string name = fresh();
  close(open(name.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0755));
  return name;
}

// What counts is what is there now.
Outcome special(const std::string& name) {
  const std::string why = errno_text(errno);
  struct stat info {};
  if (lstat(name.c_str(), &info) < 0) return blocked(why + ", nothing was made");
  if (!S_ISDIR(info.st_mode) && (info.st_mode & (S_ISUID | S_ISGID)) != 0)
    return succeeded("a set-id file");
  if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) return succeeded("a device node");
  return blocked(why);
}

template <typename Change>
Outcome change(Change action) {
  const std::string name = fresh_file();
  errno = 0;
  action(name.c_str());
  return special(name);
}

template <typename Make>
Outcome make(Make action) {
  const std::string name = fresh();
  action(name.c_str());
  return special(name);
}

void shell(const std::string& command) { (void)!system((command + " 2>/dev/null").c_str()); }

Outcome unnamed_then_linked() {
  const std::string name = fresh();
  const int file = open(".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 06755);
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  if (file >= 0) linkat(AT_FDCWD, path.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW);
  return special(name);
}

// A program of root's that was set-uid before: writing through a mapping keeps the bit.
Outcome rewrite_through_a_mapping(const char* name) {
  const int file = open(name, O_RDWR | O_CLOEXEC);
  if (file < 0) return blocked();
  void* bytes = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (bytes == MAP_FAILED) return blocked();
  memcpy(bytes, "evil", 4);
  msync(bytes, 4096, MS_SYNC);
  return special(name);
}

}  // namespace

int main() {
  Victim victim;
  const auto run = [&](const char* name, Alone alone, auto attack) {
    victim.attempt(name, alone, attack);
  };
  const auto may = Alone::kSucceeds;
  umask(0);
  for (const unsigned mode : {04755U, 02755U, 06755U}) {
    run("chmod", may, [&] { return change([&](const char* f) { syscall(SYS_chmod, f, mode); }); });
    run("fchmod", may, [&] {
      return change([&](const char* f) { fchmod(open(f, O_RDONLY | O_CLOEXEC), mode); });
    });
    run("fchmodat", may,
        [&] { return change([&](const char* f) { syscall(SYS_fchmodat, AT_FDCWD, f, mode); }); });
    run("fchmodat, more than 16 bits", may, [&] {
      return change([&](const char* f) { syscall(SYS_fchmodat, AT_FDCWD, f, 0xf0000UL | mode); });
    });
    run("fchmodat2", Alone::kUncertain,
        [&] { return change([&](const char* f) { syscall(kFchmodat2, AT_FDCWD, f, mode, 0); }); });
    run("open", may, [&] {
      return make([&](const char* f) { syscall(SYS_open, f, O_CREAT | O_WRONLY, mode); });
    });
    run("creat", may, [&] { return make([&](const char* f) { syscall(SYS_creat, f, mode); }); });
    run("openat", may, [&] {
      return make(
          [&](const char* f) { syscall(SYS_openat, AT_FDCWD, f, O_CREAT | O_WRONLY, mode); });
    });
    run("openat2", may, [&] {
      return make([&](const char* f) {
        struct open_how how {};
        how.flags = O_CREAT | O_WRONLY;
        how.mode = mode;
        syscall(SYS_openat2, AT_FDCWD, f, &how, sizeof how);
      });
    });
    run("mknod", may,
        [&] { return make([&](const char* f) { syscall(SYS_mknod, f, S_IFREG | mode, 0); }); });
    run("mknod without a type", may,
        [&] { return make([&](const char* f) { syscall(SYS_mknod, f, mode, 0); }); });
    run("mknodat", may, [&] {
      return make([&](const char* f) { syscall(SYS_mknodat, AT_FDCWD, f, S_IFREG | mode, 0); });
    });
  }
  run("O_TMPFILE and linkat", may, [] { return unnamed_then_linked(); });
  run("chmod of a name that was renamed", may, [] {
    const std::string to = fresh();
    change([&](const char* f) {
      rename(f, to.c_str());
      syscall(SYS_chmod, to.c_str(), 04755);
    });
    return special(to);
  });
  run("a file in a set-group-id directory", Alone::kUncertain, [] {
    mkdir("sgid", 02775);
    const std::string name = "sgid/file";
    close(open(name.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 02755));
    return special(name);
  });
  run("install -m 4755", may, [] {
    return change([](const char* f) { shell("install -m 4755 /bin/true " + std::string(f)); });
  });
  run("cp -p of a set-uid program", Alone::kUncertain,
      [] { return make([](const char* f) { shell("cp -p /usr/bin/passwd " + std::string(f)); }); });
  run("chmod u+s", may,
      [] { return change([](const char* f) { shell("chmod u+s " + std::string(f)); }); });
  run("tar -xp", may, [] {
    shell(
        "rm -rf tarred && mkdir tarred && touch tarred/suid && "
        "tar --mode=4755 -cf suid.tar tarred/suid && rm tarred/suid && tar -xpf suid.tar");
    return special("tarred/suid");
  });
  run("python's os.chmod", may, [] {
    return change([](const char* f) {
      shell("python3 -c 'import os,sys; os.chmod(sys.argv[1], 0o4755)' " + std::string(f));
    });
  });
  run("security.capability", may, [] {
    const std::string name = fresh_file();
    // Revision 2, effective, CAP_NET_RAW permitted (capability.h).
    const unsigned value[5] = {0x02000001, 1U << 13, 0, 0, 0};
    return must_fail(setxattr(name.c_str(), "security.capability", value, sizeof value, 0));
  });
  run("trusted.x", may,
      [] { return must_fail(setxattr(fresh_file().c_str(), "trusted.victim", "x", 1, 0)); });
  run("immutable flag", may, [] {
    const int file = open(fresh_file().c_str(), O_RDONLY | O_CLOEXEC);
    long flags = FS_IMMUTABLE_FL;
    const long done = ioctl(file, FS_IOC_SETFLAGS, &flags);
    long none = 0;
    if (done == 0) ioctl(file, FS_IOC_SETFLAGS, &none);
    return must_fail(done);
  });
  run("chown to root", Alone::kDangerous,
      [] { return must_fail(chown(fresh_file().c_str(), 0, 0)); });
  run("chown to another", may, [] { return must_fail(chown(fresh_file().c_str(), 12345, 12345)); });
  for (const unsigned type : {S_IFCHR, S_IFBLK}) {
    run("mknod of a device", may, [&] {
      return make([&](const char* f) { syscall(SYS_mknod, f, type | 0666, makedev(1, 3)); });
    });
    run("mknodat of a device", may, [&] {
      return make(
          [&](const char* f) { syscall(SYS_mknodat, AT_FDCWD, f, type | 0666, makedev(8, 0)); });
    });
    run("mknod of a whiteout", may,
        [&] { return make([&](const char* f) { syscall(SYS_mknod, f, type | 0666, 0); }); });
  }
  run("rename that leaves a whiteout", may, [] {
    return change([](const char* f) {
      syscall(SYS_renameat2, AT_FDCWD, f, AT_FDCWD, fresh().c_str(), RENAME_WHITEOUT);
    });
  });
  run("io_uring", may, [] { return probe(syscall(SYS_io_uring_setup, 1, nullptr)); });
  run("a set-uid program that was there, through a mapping", may,
      [] { return rewrite_through_a_mapping("was-setuid"); });
  run("a hard link to a file of the host", may,
      [] { return must_fail(link(setting("VICTIM_SENTINEL").c_str(), fresh().c_str())); });
  run("a hard link to a program", Alone::kUncertain,
      [] { return must_fail(link("/usr/bin/passwd", fresh().c_str())); });
  // A copy of id(1) that was root's and set-uid before: who does it say that it is?
  run("a set-uid program that was there, run", Alone::kUncertain, [] {
    const bool root = system("test \"$(./was-setuid-id -u)\" = 0") == 0;
    return root && getuid() != 0 ? succeeded("root") : blocked("no more than we are");
  });
  run("su", Alone::kUncertain, [] {
    const int status = system("/usr/bin/su -c true </dev/null >/dev/null 2>&1");
    return status == 0 && getuid() != 0 ? succeeded("became root") : blocked("no root");
  });
  return victim.result();
}
