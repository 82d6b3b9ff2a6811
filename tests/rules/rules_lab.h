#pragma once

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "sandbox/engine.h"
#include "sandbox/policy.h"

// A throw-away workspace with a directory beside it, and sandboxes with policies made by hand.
namespace mayfly::rules {

// A call that runs and has said its first line.
struct Job {
  std::shared_ptr<sandbox::Call> call;
  std::future<std::string> first_output;
  std::future<sandbox::Report> report;
};

struct Outcome {
  std::string out;    // standard output
  std::string error;  // the message of what kept the program from starting, or empty
  std::string remedy;
  sandbox::Report report;
};

class Lab {
 public:
  Lab();
  ~Lab();
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  // Real paths on the host, seen inside under the same names.
  std::string work(const std::string& path = "") const { return workspace_ + path; }
  std::string outside(const std::string& path = "") const { return outside_ + path; }
  // On the host, as the owner of the workspace. Directories above files are made.
  void file(const std::string& path, const std::string& content) const;
  void host(const std::string& command) const;
  std::string read(const std::string& path) const;

  // The default profile's policy for the workspace, changed.
  using Change = std::function<void(sandbox::Policy&)>;
  void use(const Change& change);
  void read_only_workspace(sandbox::Policy& policy) const;
  void mount(sandbox::Policy& policy, const std::string& source, const std::string& destination,
             sandbox::Access access) const;

  Outcome run(const std::string& script);
  Job start(const std::string& script);

 private:
  std::string top_;
  std::string workspace_;
  std::string outside_;
  std::shared_ptr<const sandbox::Policy> policy_;
  std::unique_ptr<sandbox::Engine> engine_;
};

// Ends the test if `what` is not so.
void expect(bool holds, const std::string& what);
void expect_out(Lab& lab, const std::string& script, const std::string& out);
// The call does not start, and the message and remedy together contain `text`.
void expect_refused(Lab& lab, const std::string& text);

}  // namespace mayfly::rules
