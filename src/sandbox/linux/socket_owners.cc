#include "sandbox/linux/socket_owners.h"

#include <algorithm>

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kMaxQuestions = 256;
constexpr std::size_t kMaxQuestionsOfOne = 16;

SocketOwners::Outgoing answer(std::uint64_t asker, std::uint64_t question, bool found) {
  Note note;
  note.kind = Kind::kSocketFound;
  note.question = question;
  note.found = found;
  return {asker, std::move(note)};
}

}  // namespace

SocketOwners::Messages SocketOwners::ask(std::uint64_t asker, const Note& note,
                                         const std::vector<std::uint64_t>& others) {
  const auto open = std::count_if(questions_.begin(), questions_.end(), [asker](const auto& entry) {
    return entry.second.asker == asker;
  });
  const bool too_many =
      questions_.size() >= kMaxQuestions || static_cast<std::size_t>(open) >= kMaxQuestionsOfOne;
  if (others.empty() || too_many) return {answer(asker, note.question, false)};
  const std::uint64_t number = next_++;
  questions_[number] = {asker, note.question, {others.begin(), others.end()}};
  Note passed_on;
  passed_on.kind = Kind::kHaveSocket;
  passed_on.question = number;
  passed_on.device = note.device;
  passed_on.inode = note.inode;
  Messages messages;
  for (const std::uint64_t other : others) messages.push_back({other, passed_on});
  return messages;
}

SocketOwners::Messages SocketOwners::hear(std::uint64_t call, const Note& note) {
  const auto found = questions_.find(note.question);
  // A call may only answer what it was asked.
  if (found == questions_.end() || found->second.asked.erase(call) == 0) return {};
  if (!note.found && !found->second.asked.empty()) return {};
  Messages messages = {answer(found->second.asker, found->second.askers_number, note.found)};
  questions_.erase(found);
  return messages;
}

SocketOwners::Messages SocketOwners::forget(std::uint64_t call) {
  Messages messages;
  for (auto at = questions_.begin(); at != questions_.end();) {
    Question& question = at->second;
    if (question.asker == call) {
      at = questions_.erase(at);
    } else if (question.asked.erase(call) > 0 && question.asked.empty()) {
      messages.push_back(answer(question.asker, question.askers_number, false));
      at = questions_.erase(at);
    } else {
      ++at;
    }
  }
  return messages;
}

}  // namespace mayfly::sandbox
