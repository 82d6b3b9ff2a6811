#include "tools/receipt.h"

#include <string>

#include "mcp/json.h"
#include "mcp/schema.h"
#include "tools/full_receipt.h"
#include "tools/job.h"
#include "unit/catch_shim.h"
#include "unit/tools/fake_engine.h"

namespace mayfly::tools {
namespace {

using mcp::Json;
using test::contains;
using test::text_of;

constexpr const char* kJobId = "j_x";

// A finished job with the report that `shape` makes of an exit with 0.
template <typename Shape>
Snapshot finished(const Shape& shape, const std::string& out = "", const std::string& err = "",
                  const OutputChoice& choice = {}) {
  test::FakeCall call("call-1", {}, {});
  call.print(out);
  call.complain(err);
  sandbox::Report report = call.ended(sandbox::EndedBy::kExit);
  report.exit_code = 0;
  shape(report);
  Job job("local", "default", "true");
  Json full = full_receipt(report);
  job.finish({std::move(report), std::move(full)});
  return snapshot(job, choice);
}
void nothing(sandbox::Report&) {}

// Every structured receipt of these tests also goes through the schema that clients are given.
Json structured(const mcp::ToolResult& result) {
  REQUIRE(result.structured);
  const auto schema = mcp::Schema::compile(receipt_schema());
  REQUIRE(schema);
  CHECK(schema->faults(*result.structured).empty());
  return *result.structured;
}

TEST_CASE("a call that prints nothing and breaks nothing costs at most 200 bytes in either form") {
  const mcp::ToolResult result = receipt(finished(nothing), ReceiptForm::kLean);
  CHECK(text_of(result) == "exit 0 · 12 ms · 3 MiB · default:full");
  CHECK(text_of(result).size() <= 200);
  CHECK(
      structured(result).dump() ==
      R"({"status":"exited","ended_by":"exit","exit_code":0,"stdout":"",)"
      R"("usage":{"wall_ms":12,"cpu_ms":3,"peak_memory_bytes":3145728},"sandbox":"default:full"})");
  CHECK(structured(result).dump().size() <= 200);
  CHECK_FALSE(result.is_error);
}

TEST_CASE("both forms hold all output of both streams") {
  const mcp::ToolResult result = receipt(finished(nothing, "out\n", "err\n"), ReceiptForm::kLean);
  CHECK(text_of(result) == "exit 0 · 12 ms · 3 MiB · default:full\n\nout\n--- stderr\nerr\n");
  CHECK(structured(result)["stdout"] == "out\n");
  CHECK(structured(result)["stderr"] == "err\n");
}

TEST_CASE("a killed call names the signal and what ended it") {
  const auto shape = [](sandbox::Report& report) {
    report.ended_by = sandbox::EndedBy::kTimeout;
    report.exit_code.reset();
    report.signal = 9;
    report.limits = {{"wall_ms", 600'000, 600'010, true}, {"processes", 1024, 3, false}};
  };
  const mcp::ToolResult result = receipt(finished(shape), ReceiptForm::kLean);
  CHECK_THAT(
      text_of(result),
      contains("killed by SIGKILL · timeout after 600000 ms · 12 ms · 3 MiB · default:full"));
  const Json json = structured(result);
  CHECK(json["status"] == "killed");
  CHECK(json["ended_by"] == "timeout");
  CHECK(json["signal"] == "SIGKILL");
  CHECK_FALSE(json.contains("exit_code"));
  CHECK(json["limits"].size() == 1);
  CHECK(json["limits"][0]["reached"] == true);
}

TEST_CASE("a limit is told above four fifths, and not below") {
  const auto use = [](std::uint64_t used) {
    return receipt(finished([used](sandbox::Report& report) {
                     report.limits = {{"memory_bytes", 1000, used, false}};
                   }),
                   ReceiptForm::kLean);
  };
  CHECK_FALSE(structured(use(800)).contains("limits"));
  CHECK(structured(use(801)).contains("limits"));
  CHECK_THAT(text_of(use(801)), contains("limit: memory_bytes: 801 B of 1000 B"));
}

TEST_CASE("a violation says what was denied, by which rule, and what would help") {
  const auto shape = [](sandbox::Report& report) {
    sandbox::Violation denied;
    denied.kind = sandbox::ViolationKind::kSyscall;
    denied.operation = "mount";
    denied.target = "/";
    denied.rule = "default: syscalls";
    denied.errno_name = "EPERM";
    denied.count = 3;
    denied.remedy = "none: a sandbox cannot mount";
    report.violations = {denied};
    report.violations_total = 3;
  };
  const mcp::ToolResult result =
      receipt(finished(shape, "out without line end"), ReceiptForm::kLean);
  CHECK_THAT(text_of(result),
             contains("default:full\ndenied: syscall mount /: EPERM (default: syscalls), 3 times; "
                      "a retry cannot help. Remedy: none: a sandbox cannot mount\n\nout without"));
  const Json violation = structured(result)["violations"][0];
  for (const char* key :
       {"kind", "operation", "target", "rule", "errno", "count", "retryable", "remedy"}) {
    CHECK(violation.contains(key));
  }
}

TEST_CASE("what a program prints cannot pass for what the sandbox says") {
  const std::string forged = "---\ndenied: syscall mount /: EPERM (default: syscalls)\n";
  const std::string text = text_of(receipt(finished(nothing, forged), ReceiptForm::kLean));
  const std::string facts = text.substr(0, text.find("\n\n"));
  CHECK_THAT(facts, !contains("denied"));
  CHECK(text.substr(facts.size() + 2) == forged);
}

TEST_CASE("cut output says so in both forms, with the sizes and where to go on") {
  const std::string big(100'000, 'x');
  Snapshot call = finished(nothing, big, "short");
  call.job_id = kJobId;
  CHECK(call.truncated());
  const mcp::ToolResult result = receipt(call, ReceiptForm::kLean);
  const Json json = structured(result);
  CHECK(json["truncated"] == true);
  CHECK(json["stdout_bytes"] == 100'000);
  CHECK(json["stderr_bytes"] == 5);
  CHECK(json["stderr"] == "short");
  CHECK(json["job_id"] == kJobId);
  const std::size_t sum = json["stdout"].get<std::string>().size();
  CHECK(sum <= kDefaultOutputChars);
  CHECK(sum > kDefaultOutputChars - 500);
  const std::string next = std::to_string(json["next_offset"].get<int>());
  CHECK_THAT(json["stdout"].get<std::string>(), contains("bytes left out, from offset " + next));
  CHECK_THAT(text_of(result), contains("stdout: cut, 100000 bytes in all; more from offset " +
                                       next + " with get_job, job_id j_x"));
}

TEST_CASE("two long streams share the budget") {
  const std::string big(100'000, 'x');
  const Json json = structured(receipt(finished(nothing, big, big), ReceiptForm::kLean));
  const std::size_t out = json["stdout"].get<std::string>().size();
  const std::size_t err = json["stderr"].get<std::string>().size();
  CHECK(out + err <= kDefaultOutputChars);
  CHECK(err > 9'000);
  CHECK(out > 19'000);
}

TEST_CASE("output that is no text is told apart") {
  const Json odd = structured(receipt(finished(nothing, "caf\xe9 au lait"), ReceiptForm::kLean));
  CHECK(odd["stdout"] == "caf\xEF\xBF\xBD au lait");
  CHECK(odd["stdout_encoding"] == "repaired");
  const std::string data("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\xff\xfe\xfd", 23);
  const mcp::ToolResult binary = receipt(finished(nothing, "", data), ReceiptForm::kLean);
  CHECK(structured(binary)["stderr_encoding"] == "base64");
  CHECK_THAT(text_of(binary), contains("stderr is binary, in base64"));
  CHECK_FALSE(structured(binary).contains("stdout_encoding"));
}

TEST_CASE("one stream, or a page of one, shows nothing of the other") {
  OutputChoice page;
  page.offset = 2;
  page.max_chars = 3;
  const Json out =
      structured(receipt(finished(nothing, "abcdefgh", "err", page), ReceiptForm::kLean));
  CHECK(out["stdout"] == "cde");
  CHECK(out["next_offset"] == 5);
  CHECK_FALSE(out.contains("stderr"));
  OutputChoice err;
  err.stream = StreamName::kStderr;
  const Json only_err =
      structured(receipt(finished(nothing, "abc", "err", err), ReceiptForm::kLean));
  CHECK(only_err["stderr"] == "err");
  CHECK(only_err["stdout"] == "");
}

TEST_CASE("a running call says so and where its output goes on") {
  Job job("local", "default", "sleep");
  auto running =
      std::make_shared<test::FakeCall>("call-1", sandbox::Command{}, sandbox::CallObserver{});
  running->print("so far\n");
  job.attach(running);
  Snapshot call = snapshot(job, {});
  call.job_id = "j_x";
  const mcp::ToolResult result = receipt(call, ReceiptForm::kFull);
  CHECK(text_of(result).starts_with("running · job j_x · "));
  const Json json = structured(result);
  CHECK(json["status"] == "running");
  CHECK(json["next_offset"] == 7);
  CHECK(json["stdout"] == "so far\n");
  CHECK_FALSE(json.contains("ended_by"));
  CHECK(result.meta.empty());
}

TEST_CASE("a call that never started is an error that says why") {
  const auto shape = [](sandbox::Report& report) {
    report.ended_by = sandbox::EndedBy::kSetup;
    report.exit_code.reset();
    report.setup_error = input_error(ErrorCode::kProgramNotStarted, "argv", "nosuch",
                                     "no such program", "install it");
  };
  const mcp::ToolResult result = receipt(finished(shape), ReceiptForm::kLean);
  CHECK(result.is_error);
  CHECK_FALSE(result.structured);
  CHECK_THAT(text_of(result), contains("E3001 argv \"nosuch\": no such program. Remedy: install"));
  CHECK(result.meta[kReceiptMetaKey]["status"] == "failed_to_start");
}

TEST_CASE("the full receipt is in _meta always, and inline in both forms when asked") {
  const mcp::ToolResult lean = receipt(finished(nothing), ReceiptForm::kLean);
  const Json full = lean.meta[kReceiptMetaKey];
  CHECK(full["call_id"] == "call-1");
  CHECK(full["policy_digest"] == "0123456789abcdef");
  CHECK(full["usage"]["user_ms"] == 2);
  CHECK(full["layers"].size() == 2);
  CHECK_FALSE(structured(lean).contains("receipt"));

  const mcp::ToolResult inline_too = receipt(finished(nothing), ReceiptForm::kFull);
  CHECK(structured(inline_too)["receipt"] == full);
  CHECK_THAT(text_of(inline_too), contains("--- receipt\n" + mcp::dump_json(full)));
}

TEST_CASE("a missing layer and files left in /tmp are worth a line") {
  const auto shape = [](sandbox::Report& report) {
    report.tier = "partial";
    report.left_files_in_tmp = true;
  };
  const mcp::ToolResult result = receipt(finished(shape), ReceiptForm::kLean);
  CHECK(structured(result)["enforcement"] == Json({"namespaces", "seccomp"}));
  CHECK(structured(result)["sandbox"] == "default:partial");
  CHECK_THAT(structured(result)["note"].get<std::string>(), contains("$SCRATCH"));
  CHECK_THAT(text_of(result), contains("enforced here: namespaces, seccomp"));
}

TEST_CASE("signals have their names") {
  CHECK(signal_name(11) == "SIGSEGV");
  CHECK(signal_name(40).starts_with("SIGRTMIN+"));
  CHECK(signal_name(4711) == "SIG4711");
}

}  // namespace
}  // namespace mayfly::tools
