#include "audit/verify.h"

#include <algorithm>
#include <map>
#include <utility>

#include "audit/hash.h"
#include "audit/head_file.h"
#include "audit/line_reader.h"
#include "audit/record.h"
#include "base/text.h"

namespace mayfly::audit {
namespace {

// Of one log; more would be a file that was made to fill our memory.
constexpr std::size_t kMostChains = 200'000;
constexpr std::size_t kMostGaps = 64;

// Where something was noticed.
struct Spot {
  std::string file;
  std::uint64_t line = 0;
};

// Records that were not there when a later one was.
struct Gap {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  Spot seen;
  std::uint64_t order = 0;  // of the record that showed it, in the whole log
};

struct Chain {
  std::uint64_t first = 0;
  std::uint64_t seq = 0;  // the highest
  std::string hash;       // of that one
  std::string before;     // of the one before it: what the head may still say
  Spot spot;
  std::vector<Gap> gaps;
  std::uint64_t order = 0;  // of its first record, in the whole log
};

std::string range(std::uint64_t first, std::uint64_t last) {
  return first == last ? "record " + std::to_string(first)
                       : "records " + std::to_string(first) + " to " + std::to_string(last);
}

class Verifier {
 public:
  explicit Verifier(const Key* key) : key_(key) { verdict_.with_key = key != nullptr; }

  void take(const LogPart& part, const LineReader::Line& line) {
    const Spot spot{part.name, line.number};
    if (line.torn) {
      return note(FaultKind::kTorn, spot, 0, "", "the file ends in the middle of a line");
    }
    if (line.too_long) return note(FaultKind::kNoRecord, spot, 0, "", "the line is too long");
    const auto record = open_record(line.text);
    if (!record) return note(FaultKind::kNoRecord, spot, 0, "", "the line is no record");
    ++verdict_.records;
    if (!record->hash_holds) {
      note(FaultKind::kEdited, spot, record->seq, record->chain, "its hash does not hold");
    } else if (key_ != nullptr && !same_text(key_->confirm("record", record->hash), record->mac)) {
      note(FaultKind::kForged, spot, record->seq, record->chain,
           "the key does not confirm it: it was not written by a server");
    }
    link(*record, spot);
  }

  void take_heads(const HeadFile::Content& content, const std::string& file) {
    if (!content.there) {
      if (verdict_.records > 0) {
        note(FaultKind::kHeadFault, {file, 0}, 0, "", "the heads are missing");
      }
      return;
    }
    for (const HeadFile::Fault& fault : content.faults) {
      note(FaultKind::kHeadFault, {file, fault.slot + 1}, 0, "", "a head " + fault.what);
    }
    std::map<std::string, const Head*> known;
    for (const Head& head : content.heads) known[head.chain] = &head;
    std::vector<std::pair<const std::string*, const Chain*>> ordered;
    for (const auto& [id, chain] : chains_) ordered.emplace_back(&id, &chain);
    std::sort(ordered.begin(), ordered.end(),
              [](const auto& a, const auto& b) { return a.second->order < b.second->order; });
    for (const auto& [id, chain] : ordered) {
      const auto found = known.find(*id);
      if (found == known.end()) {
        note(FaultKind::kUnknownChain, chain->spot, chain->seq, *id,
             "the heads do not know this chain");
      } else {
        compare(*id, *chain, *found->second);
      }
    }
    for (const auto& [id, head] : known) {
      if (chains_.contains(id) || head->seq <= head->pruned) continue;
      note(FaultKind::kChainGone, {file, 0}, head->seq, id,
           "all of its " + range(head->pruned + 1, head->seq) + " are gone");
    }
  }

  Verdict finish(std::size_t parts) {
    std::vector<std::pair<const Gap*, const std::string*>> gaps;
    for (const auto& [id, chain] : chains_) {
      for (const Gap& gap : chain.gaps) gaps.emplace_back(&gap, &id);
    }
    std::sort(gaps.begin(), gaps.end(),
              [](const auto& a, const auto& b) { return a.first->order < b.first->order; });
    for (const auto& [gap, id] : gaps) {
      note(FaultKind::kMissing, gap->seen, gap->first, *id,
           range(gap->first, gap->last) + " missing before this line");
    }
    verdict_.chains = chains_.size();
    verdict_.parts = parts;
    return std::move(verdict_);
  }

  bool has_records() const { return verdict_.records > 0; }

 private:
  void note(FaultKind kind, const Spot& spot, std::uint64_t seq, const std::string& chain,
            std::string what) {
    for (Fault& fault : verdict_.faults) {
      if (fault.kind != kind) continue;
      ++fault.count;
      return;
    }
    verdict_.faults.push_back({kind, spot.file, spot.line, seq,
                               text::shorten(text::one_line(chain), 32), std::move(what)});
  }

  // What the record's place in its chain says.
  void link(const Opened& record, const Spot& spot) {
    auto found = chains_.find(record.chain);
    if (found == chains_.end()) {
      if (chains_.size() >= kMostChains || record.chain.size() > 64) {
        return note(FaultKind::kNoRecord, spot, record.seq, record.chain, "is of no chain of ours");
      }
      if (record.seq == 1 && record.prev != no_hash()) {
        note(FaultKind::kEdited, spot, 1, record.chain,
             "is the first of its chain, and has a link");
      }
      Chain chain;
      chain.first = record.seq;
      chain.before = record.prev;
      chain.order = verdict_.records;
      found = chains_.emplace(record.chain, std::move(chain)).first;
      return step(found->second, record, spot);
    }
    Chain& chain = found->second;
    if (record.seq <= chain.seq) return late(chain, record, spot);
    if (record.seq == chain.seq + 1) {
      if (record.prev != chain.hash) {
        note(FaultKind::kEdited, spot, record.seq, record.chain,
             "its link is not to the record before it: one of the two was replaced");
      }
    } else if (chain.gaps.size() < kMostGaps) {
      chain.gaps.push_back({chain.seq + 1, record.seq - 1, spot, verdict_.records});
    }
    chain.before = chain.hash;
    step(chain, record, spot);
  }

  static void step(Chain& chain, const Opened& record, const Spot& spot) {
    chain.seq = record.seq;
    chain.hash = record.hash;
    chain.spot = spot;
  }

  // A record after a later one: it was moved, or it is there twice.
  void late(Chain& chain, const Opened& record, const Spot& spot) {
    for (std::size_t i = 0; i < chain.gaps.size(); ++i) {
      const Gap gap = chain.gaps[i];
      if (record.seq < gap.first || record.seq > gap.last) continue;
      chain.gaps.erase(chain.gaps.begin() + static_cast<std::ptrdiff_t>(i));
      if (record.seq > gap.first)
        chain.gaps.push_back({gap.first, record.seq - 1, gap.seen, gap.order});
      if (record.seq < gap.last)
        chain.gaps.push_back({record.seq + 1, gap.last, gap.seen, gap.order});
      return reordered(chain, record, spot);
    }
    if (record.seq < chain.first) {
      if (record.seq + 1 < chain.first) {
        chain.gaps.push_back({record.seq + 1, chain.first - 1, spot, verdict_.records});
      }
      chain.first = record.seq;
      return reordered(chain, record, spot);
    }
    note(FaultKind::kRepeated, spot, record.seq, record.chain, "was there already");
  }

  void reordered(const Chain& chain, const Opened& record, const Spot& spot) {
    note(FaultKind::kReordered, spot, record.seq, record.chain,
         "stands after record " + std::to_string(chain.seq) + " of its chain");
  }

  void compare(const std::string& id, const Chain& chain, const Head& head) {
    if (chain.first > head.pruned + 1) {
      note(FaultKind::kMissing, chain.spot, head.pruned + 1, id,
           range(head.pruned + 1, chain.first - 1) + " missing at the chain's start");
    }
    if (chain.seq < head.seq) {
      note(FaultKind::kCutAtEnd, chain.spot, chain.seq, id,
           range(chain.seq + 1, head.seq) + " missing after this one, the last that is there");
    } else if (chain.seq == head.seq) {
      if (chain.hash != head.hash) {
        note(FaultKind::kHeadMismatch, chain.spot, chain.seq, id,
             "is not the record that the head confirms");
      }
    } else if (chain.seq == head.seq + 1 && chain.before == head.hash && !head.ended) {
      verdict_.notes.push_back("chain " + text::shorten(text::one_line(id), 32) +
                               ": its server was ended between writing its last record and "
                               "confirming it in the heads");
    } else {
      note(FaultKind::kHeadTooOld, chain.spot, chain.seq, id,
           "the head confirms only up to record " + std::to_string(head.seq) +
               ": an older file of heads was put back, or records were added");
    }
  }

  const Key* const key_;
  Verdict verdict_;
  std::map<std::string, Chain> chains_;
};

}  // namespace

const char* to_string(FaultKind kind) {
  switch (kind) {
    case FaultKind::kNoRecord:
      return "no record";
    case FaultKind::kTorn:
      return "torn line";
    case FaultKind::kEdited:
      return "edited";
    case FaultKind::kForged:
      return "forged";
    case FaultKind::kMissing:
      return "missing";
    case FaultKind::kReordered:
      return "reordered";
    case FaultKind::kRepeated:
      return "repeated";
    case FaultKind::kCutAtEnd:
      return "cut at the end";
    case FaultKind::kChainGone:
      return "chain gone";
    case FaultKind::kUnknownChain:
      return "unknown chain";
    case FaultKind::kHeadMismatch:
      return "head does not match";
    case FaultKind::kHeadTooOld:
      return "head too old";
    case FaultKind::kHeadFault:
      return "heads changed";
  }
  return "";
}

Result<Verdict> verify(const std::string& file, const std::optional<Key>& key) {
  const LogView view = TRY(open_log(file));
  if (view.parts.empty() && !view.heads.valid()) {
    return fail(input_error(ErrorCode::kNotFound, "file", file, "there is no audit log here",
                            "name it with --file"));
  }
  Verifier verifier(key ? &*key : nullptr);
  for (const LogPart& part : view.parts) {
    LineReader reader(part.file.get(), part.size);
    while (const auto line = TRY(reader.next())) verifier.take(part, *line);
  }
  HeadFile::Content heads;
  if (view.heads.valid()) heads = TRY(HeadFile::read(view.heads.get(), key ? &*key : nullptr));
  verifier.take_heads(heads, file + ".head");
  return verifier.finish(view.parts.size());
}

}  // namespace mayfly::audit
