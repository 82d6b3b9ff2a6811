#include "sandbox/linux/messages.h"

#include <cerrno>

#include "base/wire.h"

namespace mayfly::sandbox {

std::string encode(const Note& note) {
  wire::Writer out;
  out.put(note.kind).put(note.call).put(note.helper).put(note.pid).put(note.wait_status);
  out.put(note.question).put(note.device).put(note.inode).put(note.found).put(note.port);
  out.put(note.left_files_in_tmp).put(note.has_notebook).put(note.has_group);
  out.put(note.landlock_abi).put(note.slow_notices).put(note.usage);
  out.put(std::uint32_t(note.stages.size()));
  for (const StageTime& stage : note.stages) out.put(stage.stage).put(stage.took.count());
  return out.put(note.error).take();
}

Result<Note> decode_note(std::string_view bytes) {
  wire::Reader in(bytes);
  Note note;
  note.kind = in.get<Kind>();
  note.call = in.get<std::uint64_t>();
  note.helper = in.get<std::uint64_t>();
  note.pid = in.get<std::int32_t>();
  note.wait_status = in.get<std::int32_t>();
  note.question = in.get<std::uint64_t>();
  note.device = in.get<std::uint64_t>();
  note.inode = in.get<std::uint64_t>();
  note.found = in.get<bool>();
  note.port = in.get<std::uint16_t>();
  note.left_files_in_tmp = in.get<bool>();
  note.has_notebook = in.get<bool>();
  note.has_group = in.get<bool>();
  note.landlock_abi = in.get<std::int32_t>();
  note.slow_notices = in.get<bool>();
  note.usage = in.get<struct rusage>();
  const auto stages = in.get<std::uint32_t>();
  for (std::uint32_t i = 0; in.ok() && i < stages; ++i) {
    std::string name = in.get<std::string>();
    note.stages.push_back({std::move(name), microseconds(in.get<microseconds::rep>())});
  }
  note.error = in.get<Error>();
  if (!in.finished()) return fail(system_error("decode a message", EBADMSG));
  return note;
}

}  // namespace mayfly::sandbox
