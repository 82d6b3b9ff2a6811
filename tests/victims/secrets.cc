// Attack 1 and 11: files of the host that hold secrets, and what processes tell of it.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>
#include <vector>

#include "victim.h"

using namespace mayfly::victim;

namespace {

// ENOENT or ENOTDIR: not there. EACCES would be luck with a mode.
Outcome not_there(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) < 0 && (errno == ENOENT || errno == ENOTDIR)) return blocked();
  return succeeded(path + " is there, " + errno_text(errno));
}

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The runner put this text into its environment, its arguments and files of the home.
Outcome lacks_secret(const std::string& path) {
  const std::string text = slurp(path);
  if (text.find(setting("VICTIM_SECRET")) != std::string::npos)
    return succeeded("holds the secret");
  return blocked("no secret in " + std::to_string(text.size()) + " bytes");
}

// All files directly below, that can be read as a stream that ends.
std::vector<std::string> files_of(const std::string& directory) {
  std::vector<std::string> files;
  DIR* stream = opendir(directory.c_str());
  if (stream == nullptr) return files;
  while (const dirent* entry = readdir(stream)) {
    // Pages of all memory, the log as it comes, and what the runner told us itself.
    const std::string name = entry->d_name;
    if (entry->d_type != DT_REG || name == "mem" || name == "pagemap" || name == "kmsg" ||
        name == "kcore" || name.find("clear_refs") == 0 || name == "trace_pipe") {
      continue;
    }
    files.push_back(directory + "/" + name);
  }
  closedir(stream);
  return files;
}

// Paths beside the workspace, and the server's own text, in what the kernel says of processes.
Outcome tells_of_the_host(const std::string& directory) {
  int read = 0;
  for (const std::string& file : files_of(directory)) {
    // Our own environment and arguments hold what the runner told us.
    if (directory == "/proc/self" && (file == "/proc/self/environ" || file == "/proc/self/cmdline"))
      continue;
    const std::string text = slurp(file);
    for (const char* name : {"VICTIM_SECRET", "VICTIM_SERVER_DIRECTORY", "VICTIM_SIBLING"}) {
      if (text.find(setting(name)) != std::string::npos)
        return succeeded(file + " holds " + setting(name));
    }
    ++read;
  }
  return blocked("nothing in " + std::to_string(read) + " files");
}

}  // namespace

int main() {
  Victim victim;
  for (const char* path : {"/etc/shadow", "/etc/gshadow", "/root/.bashrc"}) {
    victim.attempt(path, path[1] == 'e' ? Alone::kSucceeds : Alone::kUncertain,
                   [&] { return not_there(path); });
  }
  for (const char* path :
       {"/root/.ssh", "/etc/ssh", "/etc/sudoers", "/etc/mayfly", "/var/lib", "/var/log", "/srv",
        "/mnt", "/media", "/boot", "/sys", "/run/user", "/run/docker.sock", "/run/dbus",
        "/lost+found", "/etc/crontab", "/etc/fstab", "/proc/kcore.bak"}) {
    victim.attempt(path, Alone::kUncertain, [&] { return not_there(path); });
  }
  const std::string home = setting("VICTIM_HOME");
  for (const char* name : {"/.npmrc", "/.ssh/id_ed25519", "/.aws/credentials", "/.gitconfig",
                           "/.config/mayfly/config.toml", "/.netrc", "/secret.txt"}) {
    victim.attempt("~" + std::string(name), Alone::kSucceeds,
                   [&] { return not_there(home + name); });
  }
  victim.attempt("the server's own directory", Alone::kSucceeds,
                 [] { return not_there(setting("VICTIM_SERVER_DIRECTORY")); });
  victim.attempt("the workspace's sibling", Alone::kSucceeds,
                 [] { return not_there(setting("VICTIM_SIBLING")); });
  for (const char* path : {"/proc/1/environ", "/proc/1/cmdline", "/proc/1/mountinfo",
                           "/proc/mounts", "/proc/self/auxv", "/proc/1/maps", "/etc/passwd"}) {
    victim.attempt(path, Alone::kUncertain, [&] { return lacks_secret(path); });
  }
  for (const char* directory :
       {"/proc/1", "/proc/self", "/proc/self/net", "/proc", "/proc/sys/kernel"}) {
    victim.attempt(std::string("all files of ") + directory, Alone::kUncertain,
                   [&] { return tells_of_the_host(directory); });
  }
  victim.attempt("the runner's environment", Alone::kUncertain,
                 [] { return lacks_secret("/proc/" + setting("VICTIM_HOST_PID") + "/environ"); });
  victim.attempt("the host's root in /etc/passwd", Alone::kSucceeds, [] {
    const std::string accounts = slurp("/etc/passwd");
    if (accounts.find("daemon:") == std::string::npos) return blocked("a generated file");
    return succeeded("names accounts of the host");
  });
  victim.attempt("hostname", Alone::kUncertain, [] {
    char name[256] = {};
    gethostname(name, sizeof name - 1);
    if (name == setting("VICTIM_HOSTNAME")) return succeeded(name);
    return blocked(name);
  });
  return victim.result();
}
