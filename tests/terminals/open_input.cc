// open_input CASE: programs whose standard input stays open, and the descriptor of the notebook.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab.h"

namespace lab = mayfly::lab;
namespace sandbox = mayfly::sandbox;
using lab::check;
using lab::same;
using mayfly::ErrorCode;

namespace {

constexpr const char* kShell = "/bin/bash";
constexpr const char* kPython = "/usr/bin/python3";

bool refused(const mayfly::Status& status, ErrorCode code) {
  return !status.has_value() && status.error().code == code;
}

void three_writes() {
  lab::Lab in;
  const auto cat = in.fed({"cat"}, "zero ");
  cat->hear("zero ");
  for (const char* word : {"one ", "two ", "three"}) {
    cat->must_say(word);
    cat->hear(word);
  }
  check(cat->close().has_value(), "an open input can be closed");
  const sandbox::Report report = cat->end();
  check(report.exit_code == 0, "cat ended by itself");
  same(report.out->read(0, 100), "zero one two three", "what cat read");
}

// The program says how far it is, which is the event to wait for.
constexpr const char* kCounts = R"(
import os
open("gate").read()
total = 0
while block := os.read(0, 65536):
    total += len(block)
    print(total, flush=True)
print("all", total)
)";

void back_pressure() {
  constexpr std::size_t kPiece = 1 << 18;
  constexpr std::size_t kAll = 3 << 20;
  lab::Lab in;
  in.make_gate();
  const auto counter = in.fed({kPython, "-c", kCounts});
  bool opened = false;
  for (std::size_t sent = 0; sent < kAll;) {
    const std::size_t seen = counter->heard_bytes();
    const auto said = counter->say(std::string(kPiece, 'x'));
    if (said) {
      sent += kPiece;
      continue;
    }
    check(refused(said, ErrorCode::kBusy), "too much is refused as busy");
    check(opened || sent <= sandbox::kMostPendingInput + (1 << 16), "no more than that waits");
    if (!opened) in.open_gate();
    opened = true;
    counter->hear_more_than(seen);
  }
  check(opened, "a program that does not read makes the input refuse");
  check(counter->close().has_value(), "it can be closed");
  counter->hear("all " + std::to_string(kAll) + "\n");
  check(counter->end().exit_code == 0, "all was read");
}

void never_reads() {
  lab::Lab in;
  in.make_gate();
  const auto deaf = in.fed({kShell, "-c", "cat gate; exit 3"});
  mayfly::Status said;
  for (int i = 0; i < 100 && said; ++i) said = deaf->say(std::string(1 << 16, 'x'));
  check(refused(said, ErrorCode::kBusy), "the bound is kept");
  const auto other = in.fed({"cat"}, "others are served");
  check(other->close().has_value(), "it can be closed");
  same(other->end().out->read(0, 100), "others are served", "another call meanwhile");
  in.open_gate();
  check(deaf->end().exit_code == 3, "it ends as ever");
  check(refused(deaf->say("x"), ErrorCode::kInvalidArgument), "after its end nothing is taken");
  check(refused(deaf->close(), ErrorCode::kInvalidArgument), "nor is it closed then");
}

void closed_by_program() {
  lab::Lab in;
  in.make_gate();
  const auto deaf = in.fed({kShell, "-c", "exec 0<&-; echo closed; cat gate"});
  deaf->hear("closed");
  mayfly::Status said;
  while (said) said = deaf->say("x");  // the server hears of it a moment later
  check(refused(said, ErrorCode::kInvalidArgument), "the program closed its input");
  check(said.error().message.find("the program has closed") != std::string::npos, "and is named");
  in.open_gate();
  check(deaf->end().exit_code == 0, "and goes on");
}

void not_kept_open() {
  lab::Lab in;
  in.make_gate();
  sandbox::Command command;
  command.argv = {kShell, "-c", "cat gate; cat"};
  command.stdin_bytes = "given";
  const auto plain = in.start(std::move(command));
  check(refused(plain->say("more"), ErrorCode::kInvalidArgument), "it was not kept open");
  check(refused(plain->close(), ErrorCode::kInvalidArgument), "so it cannot be closed");
  in.open_gate();
  same(plain->end().out->read(0, 100), "given", "what it started with");
}

void before_its_turn() {
  sandbox::EngineOptions one;
  one.max_calls = 1;
  lab::Lab in(one);
  in.make_gate();
  const auto first = in.fed({"cat", "gate"});
  const auto second = in.fed({"cat"}, "first ");
  check(second->call().waiting(), "it has no place yet");
  second->must_say("second");
  check(second->close().has_value(), "it can be closed before it runs");
  const auto third = in.fed({"cat"});
  third->must_say("never read");
  third->call().cancel();
  third->end();
  check(refused(third->say("x"), ErrorCode::kInvalidArgument), "one that never ran takes nothing");
  in.open_gate();
  first->end();
  same(second->end().out->read(0, 100), "first second", "what was written while it waited");
}

void interactive() {
  lab::Lab in;
  const auto python = in.fed({kPython, "-c", R"(
while (name := input("who? ")) != "nobody": print("hello", name, flush=True)
)"});
  for (const char* name : {"ada", "grace"}) {
    python->hear("who? ");
    python->must_say(std::string(name) + "\n");
    python->hear(std::string("hello ") + name + "\n");
  }
  python->must_say("nobody\n");
  check(python->end().exit_code == 0, "the conversation ended");
}

mayfly::OwnedFd new_notebook() {
  mayfly::OwnedFd notebook(::memfd_create("notebook", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (::ftruncate(notebook.get(), 4096) < 0 ||
      ::fcntl(notebook.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
    std::exit(1);
  }
  return notebook;
}

std::string written_in(const mayfly::OwnedFd& notebook) {
  std::string text(4096, '\0');
  check(::pread(notebook.get(), text.data(), text.size(), 0) == 4096, "the notebook can be read");
  return text.substr(0, text.find('\0'));
}

std::string listed(lab::Lab& in, bool terminal, bool with_notebook) {
  sandbox::Command command;
  command.argv = {"ls", "-C", "/proc/self/fd"};
  if (terminal) command.terminal.emplace();
  if (with_notebook) command.notebook = new_notebook();
  std::string out = in.start(std::move(command))->end().out->read(0, 100);
  return out.substr(0, out.find_first_of("\r\n"));
}

void notebook(sandbox::Tier tier) {
  lab::Lab in({}, tier);
  const mayfly::OwnedFd ours = new_notebook();
  sandbox::Command command;
  command.argv = {kShell, "-c",
                  "echo by name 1<>/proc/self/fd/3 || exit 9; echo to the number >&3; "
                  "/bin/bash -c 'echo by a child >&3'; truncate -s 8192 /proc/self/fd/3"};
  command.notebook = mayfly::OwnedFd(::fcntl(ours.get(), F_DUPFD_CLOEXEC, 3));
  const sandbox::Report report = in.start(std::move(command))->end();
  check(report.exit_code == 1, "the notebook cannot be made larger");
  const std::string text = written_in(ours);
  check(text.find("to the number\nby a child\n") != std::string::npos,
        "shell and child share it: " + text + report.err->read(0, 1000));

  // The last one is the directory that ls reads.
  for (const bool terminal : {false, true}) {
    same(listed(in, terminal, false), "0  1  2  3", "descriptors without a notebook");
    same(listed(in, terminal, true), "0  1  2  3  4", "descriptors with a notebook");
  }
  sandbox::Command plain;
  plain.argv = {kShell, "-c", "echo x >&3"};
  check(in.start(std::move(plain))->end().exit_code == 1, "without one there is no descriptor 3");
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto code = sandbox::helper_main(argc, argv)) return *code;
  return lab::run(argc, argv,
                  {{"three_writes", three_writes},
                   {"back_pressure", back_pressure},
                   {"never_reads", never_reads},
                   {"closed_by_program", closed_by_program},
                   {"not_kept_open", not_kept_open},
                   {"before_its_turn", before_its_turn},
                   {"interactive", interactive},
                   {"notebook", [] { notebook(sandbox::Tier::kFull); }},
                   {"landlock_notebook", [] { notebook(sandbox::Tier::kLandlock); }}});
}
