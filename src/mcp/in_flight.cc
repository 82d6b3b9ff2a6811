#include "mcp/in_flight.h"

#include <utility>

namespace mayfly::mcp {

bool CallSlots::take() {
  std::size_t taken = taken_.load();
  do {
    if (taken >= limit_) return false;
  } while (!taken_.compare_exchange_weak(taken, taken + 1));
  return true;
}

bool InFlightTable::add(const RequestId& id, std::shared_ptr<InFlight> entry) {
  const std::lock_guard lock(mutex_);
  return entries_.emplace(id, std::move(entry)).second;
}

void InFlightTable::remove(const RequestId& id, const InFlight* entry) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found != entries_.end() && found->second.get() == entry) entries_.erase(found);
}

void InFlightTable::withdraw(const RequestId& id) {
  std::shared_ptr<InFlight> entry;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    entry = std::move(found->second);
    entries_.erase(found);
  }
  entry->withdraw();
}

void InFlightTable::withdraw_all() {
  std::map<RequestId, std::shared_ptr<InFlight>> entries;
  {
    const std::lock_guard lock(mutex_);
    entries.swap(entries_);
  }
  for (const auto& [id, entry] : entries) entry->withdraw();
}

void InFlightTable::server_ends() {
  std::map<RequestId, std::shared_ptr<InFlight>> entries;
  {
    const std::lock_guard lock(mutex_);
    entries = entries_;
  }
  for (const auto& [id, entry] : entries) entry->server_ends();
}

void InFlightTable::work_began() {
  const std::lock_guard lock(mutex_);
  ++working_;
}

void InFlightTable::work_ended() {
  const std::lock_guard lock(mutex_);
  if (--working_ == 0) idle_.notify_all();
}

std::size_t InFlightTable::working() const {
  const std::lock_guard lock(mutex_);
  return working_;
}

bool InFlightTable::wait_until_idle(TimePoint deadline) const {
  std::unique_lock lock(mutex_);
  return idle_.wait_until(lock, deadline, [this] { return working_ == 0; });
}

CallSlot CallSlot::take(std::shared_ptr<CallSlots> slots, std::shared_ptr<InFlightTable> table) {
  CallSlot slot;
  if (!slots->take()) return slot;
  table->work_began();
  slot.slots_ = std::move(slots);
  slot.table_ = std::move(table);
  return slot;
}

CallSlot& CallSlot::operator=(CallSlot&& other) noexcept {
  if (this == &other) return *this;
  release();
  slots_ = std::move(other.slots_);
  table_ = std::move(other.table_);
  return *this;
}

void CallSlot::release() {
  if (!slots_) return;
  std::exchange(slots_, nullptr)->give_back();
  std::exchange(table_, nullptr)->work_ended();
}

}  // namespace mayfly::mcp
