#include "app/profile_learn.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include "app/profile_options.h"
#include "app/profile_source.h"
#include "app/run_report.h"
#include "app/stop_signals.h"
#include "base/text.h"
#include "sandbox/profile_diff.h"
#include "sandbox/profile_files.h"
#include "sandbox/profile_format.h"
#include "sandbox/profile_learned.h"
#include "sandbox/violation_words.h"
#include "tools/full_receipt.h"

namespace mayfly::app {
namespace {

using mcp::Json;
using sandbox::EndedBy;
using sandbox::Learned;

Error refused(const std::string& field, const std::string& value, const std::string& message,
              const std::string& remedy) {
  return input_error(ErrorCode::kInvalidConfiguration, field, value, message, remedy);
}

Result<LearnOptions> parse(int argc, char** argv) {
  LearnOptions options;
  const auto separator = std::find(argv + 1, argv + argc, std::string_view("--"));
  if (separator != argv + argc) options.run.command.assign(separator + 1, argv + argc);
  CLI::App command("", "mayfly profile learn");
  add_learn_options(command, options);
  try {
    command.parse(static_cast<int>(separator - argv), argv);
  } catch (const CLI::ParseError& error) {
    return fail(refused("command line", "", error.what(),
                        "mayfly profile learn --help lists the options; the command follows --"));
  }
  if (options.run.command.empty()) {
    return fail(refused("command line", "", "there is no command",
                        "mayfly profile learn [options] -- CMD [ARG...]"));
  }
  // All that was denied, and nothing else of the policy is another one.
  options.run.policy.values["--observe"] = {"all"};
  return options;
}

// Where a file would take effect at once, or where a sandbox could write it, is no place for it.
Result<std::string> place_to_write(const LearnOptions& options) {
  if (options.save.empty()) return std::string();
  std::error_code error;
  const std::string path = std::filesystem::weakly_canonical(options.save, error).string();
  if (error || path.empty()) {
    return fail(refused("--save", options.save, "is no path", "name a new file"));
  }
  const auto host = TRY(this_host(options.run.policy));
  const auto places = sandbox::profile_places(host.user);
  for (const std::string& each : {places.user, places.system}) {
    const std::string real = std::filesystem::weakly_canonical(each, error).string();
    if (real.empty() || !sandbox::is_within(path, real)) continue;
    return fail(refused("--save", options.save, "is where profiles take effect at once",
                        "write it somewhere else, look at it, and move it there"));
  }
  TRY(check_outside("--save", path, host.workspaces, "name a file outside of it"));
  if (std::filesystem::exists(std::filesystem::symlink_status(path, error))) {
    return fail(refused("--save", options.save, "is there already", "name a new file"));
  }
  return path;
}

// What was learnt, as an operator looks at it.
struct Lesson {
  std::string profile;
  Learned learned;
  std::string toml;
  std::string command;
  std::vector<std::string> diff;
  std::vector<Learned::Remark> options;  // limits of this run alone, which no profile moves
  bool cut_short = false;                // the run did not end well, so that more may come
  std::string ending;                    // "exit 1"
};

std::string ending_of(const sandbox::Report& report) {
  if (report.exit_code) return "exit " + std::to_string(*report.exit_code);
  if (report.signal) return "signal " + std::to_string(*report.signal);
  return to_string(report.ended_by);
}

// Limits that an option of this run set, and those that something narrowed below the profile's own
// value: the profile has enough already.
Status take_out_foreign_limits(Lesson& lesson, const sandbox::Profile& before,
                               const PolicyOptions& options) {
  std::vector<sandbox::ProfileWish> kept;
  for (sandbox::ProfileWish& wish : lesson.learned.wishes) {
    const std::string key = wish.table + "." + wish.key;
    if (wish.table == "limits") {
      const std::string given = option_given(options, key);
      if (!given.empty()) {
        lesson.options.push_back({given, "was reached: give more there", key});
        continue;
      }
      sandbox::Profile with = before;
      settings::Diagnostics ignored;
      sandbox::merge_profile(with, TRY(sandbox::wished(wish)), ignored);
      if (sandbox::diff_profiles(before, with).more.empty()) {
        lesson.learned.forbidden.push_back(
            {key, "was reached, but this profile has more: something narrows it", lesson.profile});
        continue;
      }
    }
    kept.push_back(std::move(wish));
  }
  lesson.learned.wishes = std::move(kept);
  return {};
}

Result<Lesson> lesson_of(const CallResult& result, const sandbox::Policy& policy,
                         const LearnOptions& options) {
  const sandbox::Report& report = result.report;
  Lesson lesson;
  lesson.profile = profile_names(options.run.policy).front();
  lesson.learned = sandbox::learn_from(report, policy);
  lesson.cut_short = report.exit_code.value_or(1) != 0;
  lesson.ending = ending_of(report);
  const sandbox::Profile before = TRY(profile_store().load(lesson.profile)).profile;
  TRY(take_out_foreign_limits(lesson, before, options.run.policy));
  lesson.toml = TRY(sandbox::learned_text(lesson.learned, policy.profile));
  if (sandbox::is_profile_name(lesson.profile)) {
    lesson.command = sandbox::learned_command(lesson.learned, lesson.profile);
  }
  sandbox::Profile after = before;
  settings::Diagnostics diagnostics;
  for (const sandbox::ProfileWish& wish : lesson.learned.wishes) {
    sandbox::merge_profile(after, TRY(sandbox::wished(wish)), diagnostics);
  }
  if (diagnostics.failed()) return fail(diagnostics.to_error());
  for (const auto& change : sandbox::diff_profiles(before, after).more) {
    lesson.diff.push_back("+ " + change.key + " " + text::one_line(change.after) +
                          (change.before.empty() ? "" : " instead of " + change.before));
  }
  return lesson;
}

void print(const Lesson& lesson) {
  const Learned& learned = lesson.learned;
  if (learned.denied == 0 && learned.wishes.empty() && lesson.options.empty()) {
    if (lesson.cut_short) {
      std::printf(
          "# Nothing was denied. The command failed by itself (%s), or only asked for things "
          "(stat, access), which is not seen.\n",
          text::one_line(lesson.ending).c_str());
      return;
    }
    std::printf("# Nothing was denied: profile %s is wide enough for this run.\n",
                text::one_line(lesson.profile).c_str());
    return;
  }
  std::printf("# Profile %s denied this run something %llu times.\n",
              text::one_line(lesson.profile).c_str(),
              static_cast<unsigned long long>(learned.denied));
  if (learned.untold > 0) {
    std::printf("# %llu of them are not told apart: run it again after accepting.\n",
                static_cast<unsigned long long>(learned.untold));
  }
  if (lesson.cut_short) {
    std::printf(
        "# It did not end well, so only what it met until then is known: run it again "
        "after accepting.\n");
  }
  for (const auto& each : lesson.options) {
    std::printf("# %s of this run %s\n", text::one_line(each.what).c_str(), each.why.c_str());
  }
  if (!lesson.diff.empty()) {
    std::printf("#\n# What it needs more, as `mayfly profile diff` would say it:\n");
    for (const std::string& line : lesson.diff) std::printf("# %s\n", line.c_str());
  }
  if (!lesson.command.empty()) {
    std::printf("#\n# To accept it: %s\n", lesson.command.c_str());
  }
  const bool empty = learned.wishes.empty() && learned.decisions.empty() &&
                     learned.forbidden.empty() && learned.never.empty();
  if (!empty) std::printf("\n%s", lesson.toml.c_str());
}

Json remarks_json(const std::vector<Learned::Remark>& list) {
  Json out = Json::array();
  for (const auto& each : list) {
    out.push_back({{"what", each.what}, {"rule", each.rule}, {"remedy", each.why}});
  }
  return out;
}

void print_lesson_json(const Lesson& lesson, const CallResult& result) {
  const Learned& learned = lesson.learned;
  Json rules = Json::array();
  for (const auto& wish : learned.wishes) {
    rules.push_back({{"key", wish.table + "." + wish.key},
                     {"value", wish.value},
                     {"reason", text::one_line(wish.comment)}});
  }
  Json out = {{"profile", lesson.profile},
              {"denied", learned.denied},
              {"untold", learned.untold},
              {"rules", std::move(rules)},
              {"toml", lesson.toml},
              {"diff", lesson.diff},
              {"options", remarks_json(lesson.options)},
              {"decisions", remarks_json(learned.decisions)},
              {"forbidden", remarks_json(learned.forbidden)},
              {"never", remarks_json(learned.never)},
              {"complete", !lesson.cut_short && learned.untold == 0},
              {"receipt", tools::full_receipt(result.report)}};
  if (!lesson.command.empty()) out["command"] = lesson.command;
  print_json(out);
}

int answer(const Error& error, bool json) {
  json ? print_json(error) : print_error(error);
  return kMayflyFailed;
}

int learn(const LearnOptions& options, std::unique_ptr<sandbox::Prestart> early) {
  const bool json = options.run.json;
  const auto file = place_to_write(options);
  if (!file) return answer(file.error(), json);
  std::shared_ptr<const sandbox::Policy> policy;
  const auto result = run_call(options.run, std::move(early), &policy);
  if (!result) return answer(result.error(), json);
  if (result->report.setup_error) {
    answer(*result->report.setup_error, json);
    return exit_code_of(result->report, StopSignals::first());
  }
  const auto lesson = lesson_of(*result, *policy, options);
  if (!lesson) return answer(lesson.error(), json);
  if (!file->empty()) {
    const auto written = sandbox::write_profile_file(*file, lesson->toml, sandbox::FileFate::kNew);
    if (!written) return answer(written.error(), json);
  }
  json ? print_lesson_json(*lesson, *result) : print(*lesson);
  std::fflush(stdout);
  return exit_code_of(result->report, StopSignals::first());
}

}  // namespace

void add_learn_options(CLI::App& command, LearnOptions& options) {
  add_policy_options(command, options.run.policy);
  command
      .add_option("--cwd", options.run.cwd, "where the command starts (default: here, if visible)")
      ->option_text("DIR");
  command.add_flag("--json", options.run.json, "print one JSON object, and not the output");
  command
      .add_option("--save", options.save,
                  "also write what was learnt to FILE, which must not be there yet")
      ->option_text("FILE");
  refuse_empty_values(command);
}

int learn_profile(int argc, char** argv) {
  const auto end = std::find(argv + 1, argv + argc, std::string_view("--"));
  const bool json = std::find(argv + 1, end, std::string_view("--json")) != end;
  auto early = sandbox::prestart();
  if (!early) return answer(early.error(), json);
  const auto options = parse(argc, argv);
  if (!options) return answer(options.error(), json);
  return learn(*options, *std::move(early));
}

}  // namespace mayfly::app
