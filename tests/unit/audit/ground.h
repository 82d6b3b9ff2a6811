#pragma once

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "audit/log.h"
#include "audit/verify.h"
#include "catch_shim.h"

namespace mayfly::test {

// A directory with a log in it, whose lines can be tampered with.
class AuditGround {
 public:
  AuditGround() {
    char name[] = "/tmp/mayfly-audit-XXXXXX";
    if (::mkdtemp(name) != nullptr) top = std::filesystem::canonical(name).string();
  }
  ~AuditGround() {
    std::error_code ignored;
    std::filesystem::remove_all(top, ignored);
  }
  AuditGround(const AuditGround&) = delete;
  AuditGround& operator=(const AuditGround&) = delete;

  audit::LogOptions options() const {
    audit::LogOptions out;
    out.file = file();
    out.key_file = top + "/state/audit.key";
    return out;
  }
  std::string file() const { return top + "/log/audit.jsonl"; }

  std::unique_ptr<audit::Log> open() const { return open(options()); }
  static std::unique_ptr<audit::Log> open(const audit::LogOptions& wanted) {
    auto log = audit::Log::open(wanted);
    if (!log) FAIL(describe(log.error()));
    return *std::move(log);
  }
  static void add(audit::Log& log, int count, const std::string& text = "x") {
    for (int i = 0; i < count; ++i) {
      const auto added = log.append("call", {{"number", i}, {"text", text}});
      if (!added) FAIL(describe(added.error()));
    }
  }

  static std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }
  static void write(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  }
  static std::vector<std::string> lines(const std::string& path) {
    std::istringstream in(read(path));
    std::vector<std::string> out;
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
  }
  static void write_lines(const std::string& path, const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    write(path, text);
  }

  audit::Verdict verdict(bool with_key = true) const {
    std::optional<audit::Key> key;
    if (with_key) {
      auto read_key = audit::Key::read(options().key_file);
      if (!read_key) FAIL(describe(read_key.error()));
      key = *std::move(read_key);
    }
    auto out = audit::verify(file(), key);
    if (!out) FAIL(describe(out.error()));
    return *std::move(out);
  }
  // The kinds of faults, in words.
  std::vector<std::string> faults(bool with_key = true) const {
    std::vector<std::string> out;
    for (const auto& fault : verdict(with_key).faults) out.emplace_back(to_string(fault.kind));
    return out;
  }

  std::string top;
};

}  // namespace mayfly::test
