#include "tools/file_tasks.h"

#include <csignal>
#include <memory>
#include <string>
#include <utility>

#include "base/fd.h"
#include "files/edit.h"
#include "files/list.h"
#include "files/read.h"
#include "files/write.h"

namespace mayfly::tools {
namespace {

using sandbox::Task;
using sandbox::TaskRun;
using sandbox::TaskWrites;

// What a task answers that could not open what it was to work on.
class Refusal : public TaskRun {
 public:
  explicit Refusal(std::string answer) : answer_(std::move(answer)) {}
  std::string run() override { return std::move(answer_); }

 private:
  std::string answer_;
};

// One of the functions of files/ with all that it needs, opened.
template <typename Place, typename Request, auto function>
class FileRun : public TaskRun {
 public:
  FileRun(Place place, Request request) : place_(std::move(place)), request_(std::move(request)) {}
  std::string run() override { return files::encode(function(place_, request_)); }

 private:
  Place place_;
  Request request_;
};

Result<files::ReadAnswer> read(const OwnedFd& file, const files::ReadRequest& request) {
  return files::read(file.get(), request);
}

// That it could be opened is all that is asked for.
Result<files::ReadAnswer> look(const OwnedFd&, const files::ReadRequest&) {
  return files::ReadAnswer();
}

Result<files::ListAnswer> list(const OwnedFd& directory, const files::ListRequest& request) {
  return files::list(directory.get(), request);
}

Result<files::Spot> spot_to_write(const files::WriteRequest& request) {
  return files::find_spot(request.target, request.parents);
}

Result<files::Spot> spot_to_edit(const files::EditRequest& request) {
  return files::find_spot(request.target, files::Parents::kMustExist);
}

template <typename Request>
Result<OwnedFd> opened(const Request& request) {
  return files::open_target(request.target);
}

template <typename Answer, auto decode, auto open, auto function>
std::unique_ptr<TaskRun> prepare(const std::string& bytes) {
  auto request = decode(bytes);
  if (!request) {
    return std::make_unique<Refusal>(
        files::encode(Result<Answer>(fail(std::move(request).error()))));
  }
  auto place = open(*request);
  if (!place) {
    return std::make_unique<Refusal>(files::encode(Result<Answer>(fail(std::move(place).error()))));
  }
  using Place = typename decltype(place)::value_type;
  using Request = typename decltype(request)::value_type;
  return std::make_unique<FileRun<Place, Request, function>>(*std::move(place),
                                                             *std::move(request));
}

// A file that may not grow any more is an error to answer, not the end (setrlimit(2)). Before the
// filter, which may not let dispositions of signals change.
template <auto next>
std::unique_ptr<TaskRun> prepare_to_write(const std::string& bytes) {
  std::signal(SIGXFSZ, SIG_IGN);
  return next(bytes);
}

constexpr Task kTasks[] = {
    {kReadTask, TaskWrites::kNothing,
     prepare<files::ReadAnswer, files::decode_read_request, opened<files::ReadRequest>, read>},
    {kLookTask, TaskWrites::kNothing,
     prepare<files::ReadAnswer, files::decode_read_request, opened<files::ReadRequest>, look>},
    {kWriteTask, TaskWrites::kFiles,
     prepare_to_write<
         prepare<files::WriteAnswer, files::decode_write_request, spot_to_write, files::write>>},
    {kEditTask, TaskWrites::kFiles,
     prepare_to_write<
         prepare<files::EditAnswer, files::decode_edit_request, spot_to_edit, files::edit>>},
    {kListTask, TaskWrites::kNothing,
     prepare<files::ListAnswer, files::decode_list_request, opened<files::ListRequest>, list>},
};

}  // namespace

sandbox::TaskTable file_tasks() { return kTasks; }

}  // namespace mayfly::tools
