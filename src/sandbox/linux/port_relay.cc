#include "sandbox/linux/port_relay.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "base/sys.h"

namespace mayfly::sandbox {
namespace {

// What an epoll event is about: the number of a listener or a connection, and which end.
enum Tag : std::uint64_t { kOfClient = 0, kOfJob = 1, kOfListener = 2, kOfWake = 3 };
constexpr unsigned kTagBits = 2;
std::uint64_t tag_of(std::uint64_t number, Tag tag) { return number << kTagBits | tag; }

constexpr milliseconds kSecond{1000};
// One connection is served for so many buffers before the next one gets its turn.
constexpr int kMostRounds = 4;

int error_of(const OwnedFd& socket) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? errno : error;
}

// What is small is not held back: whoever wrote it has decided that already.
void send_at_once(const OwnedFd& socket) {
  const int on = 1;
  (void)::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// Closes with a reset: the other end hears of an error, not of an end.
void reset(OwnedFd& socket) {
  const linger now{1, 0};
  if (socket.valid()) (void)::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  socket.reset();
}

}  // namespace

PortRelay::~PortRelay() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
  thread_.join();
}

Status PortRelay::start() {
  if (thread_.joinable()) return {};
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.valid()) return fail(system_error("epoll_create1", errno));
  wake_ = TRY(sys::eventfd());
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag_of(0, kOfWake);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) < 0) {
    return fail(system_error("epoll_ctl", errno));
  }
  buffer_.resize(bounds_.pending_bytes);
  thread_ = std::thread([this] { run(); });
  return {};
}

Status PortRelay::add(std::uint64_t call, OwnedFd listener, std::uint16_t port,
                      const PublishedPort& behind) {
  const std::lock_guard lock(mutex_);
  TRY(start());
  const std::uint64_t number = next_++;
  Listener& added = listeners_[number];
  added = {std::move(listener), call, port, behind, std::nullopt};
  watch_listener(number, added, true);
  return {};
}

void PortRelay::watch_listener(std::uint64_t number, const Listener& listener, bool wanted) const {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag_of(number, kOfListener);
  ::epoll_ctl(epoll_.get(), wanted ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, listener.socket.get(), &event);
}

void PortRelay::run() {
  epoll_event events[64];
  int patience = -1;
  while (true) {
    const int count = ::epoll_wait(epoll_.get(), events, std::size(events), patience);
    // One event at a time, so that the engine, which may want to forget a call, waits for no more.
    for (int i = 0; i < count; ++i) {
      std::vector<Dial> dials;
      {
        const std::lock_guard lock(mutex_);
        if (stopping_) return;
        handle(events[i].data.u64, events[i].events);
        dials.swap(asking_);
      }
      for (const Dial& dial : dials) dialer_(dial);
    }
    const std::lock_guard lock(mutex_);
    resume();
    patience = milliseconds_to_resume();
  }
}

int PortRelay::milliseconds_to_resume() const {
  std::optional<TimePoint> next;
  for (const auto& [number, listener] : listeners_) {
    if (listener.resume_at && (!next || *listener.resume_at < *next)) next = listener.resume_at;
  }
  if (!next) return -1;
  const auto left = std::chrono::ceil<milliseconds>(*next - Clock::now()).count();
  return static_cast<int>(std::clamp<milliseconds::rep>(left, 0, kSecond.count()));
}

void PortRelay::resume() {
  for (auto& [number, listener] : listeners_) {
    if (!listener.resume_at || *listener.resume_at > Clock::now()) continue;
    listener.resume_at.reset();
    watch_listener(number, listener, true);
  }
}

void PortRelay::handle(std::uint64_t tag, std::uint32_t events) {
  const std::uint64_t number = tag >> kTagBits;
  const auto about = static_cast<Tag>(tag & ((1U << kTagBits) - 1));
  if (about == kOfWake) {
    std::uint64_t ticks = 0;
    (void)!::read(wake_.get(), &ticks, sizeof ticks);
  } else if (about == kOfListener) {
    const auto found = listeners_.find(number);
    if (found != listeners_.end()) accept_from(number, found->second);
  } else if (const auto found = connections_.find(number); found != connections_.end()) {
    serve(number, found->second, about == kOfClient ? kClient : kJob, events);
  }
}

// Counts one more connection of its call.
bool PortRelay::may_connect(const Listener& listener) {
  Rate& rate = rates_[listener.call];
  const TimePoint now = Clock::now();
  if (now - rate.since >= kSecond) rate = {now, 0};
  return rate.count++ < bounds_.new_in_second;
}

void PortRelay::accept_from(std::uint64_t number, Listener& listener) {
  const auto pause = [&](TimePoint until) {
    listener.resume_at = until;
    watch_listener(number, listener, false);
  };
  if (!may_connect(listener)) return pause(rates_[listener.call].since + kSecond);
  OwnedFd socket(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.valid()) {
    const bool passes = errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
    return passes ? void() : pause(Clock::now() + kSecond);  // no descriptors, no memory
  }
  const auto of_call =
      std::count_if(connections_.begin(), connections_.end(),
                    [&](const auto& each) { return each.second.call == listener.call; });
  if (connections_.size() >= bounds_.connections ||
      static_cast<std::size_t>(of_call) >= bounds_.connections_of_call) {
    return reset(socket);
  }
  send_at_once(socket);
  const std::uint64_t question = next_++;
  Connection& connection = connections_[question];
  connection.call = listener.call;
  connection.job = listener.behind.call;
  connection.ends[kClient].socket = std::move(socket);
  asking_.push_back({connection.job, question, listener.port, listener.behind.family});
}

void PortRelay::dialed(std::uint64_t job, std::uint64_t question, OwnedFd socket) {
  const std::lock_guard lock(mutex_);
  const auto found = connections_.find(question);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  if (connection.job != job || connection.ends[kJob].socket.valid()) return;
  if (!socket.valid()) {
    abort(connection);
    connections_.erase(found);
    return;
  }
  send_at_once(socket);
  connection.ends[kJob].socket = std::move(socket);
  watch(question, connection);
}

void PortRelay::serve(std::uint64_t number, Connection& connection, Side side,
                      std::uint32_t events) {
  bool well = true;
  if (side == kJob && !connection.connected) well = connect_done(connection);
  // Of an end that is not read just now nothing else would tell.
  if (well && (events & EPOLLERR) != 0) well = error_of(connection.ends[side].socket) == 0;
  well = well && carry(connection, kClient) && carry(connection, kJob);
  if (!well) abort(connection);
  const auto& [client, job] = connection.ends;
  if (!well || (client.shut && job.shut)) {
    connections_.erase(number);
    return;
  }
  watch(number, connection);
}

bool PortRelay::connect_done(Connection& connection) {
  connection.connected = error_of(connection.ends[kJob].socket) == 0;
  return connection.connected;
}

// What waits for `end` goes to it, as far as it takes it. False: it is broken.
bool PortRelay::flush(End& end) {
  while (!end.pending.empty()) {
    const ssize_t sent = ::send(end.socket.get(), end.pending.data(), end.pending.size(),
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN;
    end.pending.erase(0, static_cast<std::size_t>(sent));
  }
  // Gives the memory back; most connections never need any.
  if (end.pending.capacity() > 0) end.pending = std::string();
  return true;
}

// What one end has sent goes to the other. False: one of them is broken.
bool PortRelay::carry(Connection& connection, Side from) {
  End& source = connection.ends[from];
  End& sink = connection.ends[from == kClient ? kJob : kClient];
  if (!connection.connected || sink.shut) return true;
  for (int round = 0; round < kMostRounds; ++round) {
    if (!flush(sink)) return false;
    if (!sink.pending.empty() || source.at_end) break;
    const ssize_t got = ::recv(source.socket.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) break;
    if (got < 0) return false;
    if (got == 0) {
      source.at_end = true;
      break;
    }
    const auto size = static_cast<std::size_t>(got);
    const ssize_t sent =
        ::send(sink.socket.get(), buffer_.data(), size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
    const auto taken = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    sink.pending.assign(buffer_.data() + taken, size - taken);
  }
  if (!source.at_end || !sink.pending.empty()) return true;
  sink.shut = true;
  return ::shutdown(sink.socket.get(), SHUT_WR) == 0;
}

// An end that waits for nothing is not watched at all: it would report for ever that it hung up.
void PortRelay::watch(std::uint64_t number, Connection& connection) {
  for (const Side side : {kClient, kJob}) {
    End& end = connection.ends[side];
    const End& other = connection.ends[side == kClient ? kJob : kClient];
    std::uint32_t wanted = 0;
    if (connection.connected) {
      if (!end.at_end && other.pending.empty()) wanted |= EPOLLIN;
      if (!end.pending.empty()) wanted |= EPOLLOUT;
    } else if (side == kJob) {
      wanted = EPOLLOUT;
    }
    if (wanted == end.watched || !end.socket.valid()) continue;
    epoll_event event{};
    event.events = wanted;
    event.data.u64 = tag_of(number, side == kClient ? kOfClient : kOfJob);
    const int how = wanted == 0 ? EPOLL_CTL_DEL : end.watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    ::epoll_ctl(epoll_.get(), how, end.socket.get(), &event);
    end.watched = wanted;
  }
}

void PortRelay::abort(Connection& connection) {
  for (End& end : connection.ends) reset(end.socket);
}

// One end's call is over, and its programs with it.
void PortRelay::finish(Connection& connection, Side gone) {
  End& rest = connection.ends[gone == kClient ? kJob : kClient];
  bool well = connection.connected;
  // Bounded, for what does not die goes on writing.
  int rounds = kMostRounds;
  for (bool more = true; well && more && rounds > 0; --rounds) {
    const bool had_room = rest.pending.empty();
    well = carry(connection, gone);
    more =
        had_room && rest.pending.empty() && !rest.shut && well &&
        ::recv(connection.ends[gone].socket.get(), buffer_.data(), 1, MSG_DONTWAIT | MSG_PEEK) >= 0;
  }
  // What was cut off must not look like an end.
  if (!well || !rest.shut) reset(rest.socket);
  connection.ends[gone].socket.reset();
}

void PortRelay::forget(std::uint64_t call) {
  const std::lock_guard lock(mutex_);
  rates_.erase(call);
  std::erase_if(listeners_, [call](const auto& each) {
    return each.second.call == call || each.second.behind.call == call;
  });
  for (auto at = connections_.begin(); at != connections_.end();) {
    Connection& connection = at->second;
    if (connection.call != call && connection.job != call) {
      ++at;
      continue;
    }
    finish(connection, connection.call == call ? kClient : kJob);
    at = connections_.erase(at);
  }
}

}  // namespace mayfly::sandbox
