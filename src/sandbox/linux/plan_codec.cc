#include <cerrno>

#include "base/wire.h"
#include "sandbox/linux/plan.h"

namespace mayfly::sandbox {
namespace {

using wire::Reader;
using wire::Writer;

void write(Writer& out, const Identity& identity) {
  out.put(identity.host_uid).put(identity.host_gid).put(identity.inside_uid);
  out.put(identity.inside_gid).put(identity.user).put(identity.home).put(identity.hostname);
}

Identity read_identity(Reader& in) {
  Identity identity;
  identity.host_uid = in.get<uid_t>();
  identity.host_gid = in.get<gid_t>();
  identity.inside_uid = in.get<uid_t>();
  identity.inside_gid = in.get<gid_t>();
  identity.user = in.get<std::string>();
  identity.home = in.get<std::string>();
  identity.hostname = in.get<std::string>();
  return identity;
}

void write(Writer& out, const Source& source) {
  out.put(source.path).put(source.device).put(source.inode).put(source.directory);
  out.put(source.read_only).put(source.device_node).put(source.mapped).put(source.rule);
}

Source read_source(Reader& in) {
  Source source;
  source.path = in.get<std::string>();
  source.device = in.get<std::uint64_t>();
  source.inode = in.get<std::uint64_t>();
  source.directory = in.get<bool>();
  source.read_only = in.get<bool>();
  source.device_node = in.get<bool>();
  source.mapped = in.get<bool>();
  source.rule = in.get<std::string>();
  return source;
}

template <typename Kind>
void write_op(Writer& out, const Op<Kind>& op) {
  out.put(op.kind).put(op.target).put(op.text).put(op.source).put(op.mode).put(op.bytes);
}

template <typename Kind>
Op<Kind> read_op(Reader& in) {
  Op<Kind> op;
  op.kind = in.get<Kind>();
  op.target = in.get<std::string>();
  op.text = in.get<std::string>();
  op.source = in.get<std::uint32_t>();
  op.mode = in.get<std::uint32_t>();
  op.bytes = in.get<std::uint64_t>();
  return op;
}

template <typename T, typename WriteOne>
void write_all(Writer& out, const std::vector<T>& values, WriteOne write_one) {
  out.put(std::uint32_t(values.size()));
  for (const T& value : values) write_one(out, value);
}

template <typename T, typename ReadOne>
std::vector<T> read_all(Reader& in, ReadOne read_one) {
  std::vector<T> values;
  const auto count = in.get<std::uint32_t>();
  for (std::uint32_t i = 0; in.ok() && i < count; ++i) values.push_back(read_one(in));
  return values;
}

void write_filters(Writer& out, const std::vector<FilterProgram>& filters) {
  write_all(out, filters,
            [](Writer& w, const FilterProgram& f) { w.put(f.bytes).put(f.listener); });
}

std::vector<FilterProgram> read_filters(Reader& in) {
  return read_all<FilterProgram>(in, [](Reader& r) {
    FilterProgram filter;
    filter.bytes = r.get<std::string>();
    filter.listener = r.get<bool>();
    return filter;
  });
}

template <typename T>
Result<T> complete(const Reader& in, T value) {
  if (!in.finished()) return fail(system_error("decode a plan", EBADMSG));
  return value;
}

}  // namespace

std::string encode(const RootPlan& plan) {
  Writer out;
  out.put(plan.tier);
  write(out, plan.identity);
  write_all(out, plan.sources, [](Writer& w, const Source& s) { write(w, s); });
  write_all(out, plan.root_ops, write_op<RootOpKind>);
  write_all(out, plan.call_ops, write_op<CallOpKind>);
  write_all(out, plan.landlock,
            [](Writer& w, const LandlockRule& rule) { w.put(rule.path).put(rule.reach); });
  write_filters(out, plan.filters);
  write_filters(out, plan.reading_task);
  write_filters(out, plan.writing_task);
  out.put(plan.refusals).put(plan.observe).put(plan.capabilities);
  return out.take();
}

Result<RootPlan> decode_root_plan(std::string_view bytes) {
  Reader in(bytes);
  RootPlan plan;
  plan.tier = in.get<Tier>();
  plan.identity = read_identity(in);
  plan.sources = read_all<Source>(in, read_source);
  plan.root_ops = read_all<RootOp>(in, read_op<RootOpKind>);
  plan.call_ops = read_all<CallOp>(in, read_op<CallOpKind>);
  plan.landlock = read_all<LandlockRule>(in, [](Reader& r) {
    LandlockRule rule;
    rule.path = r.get<std::string>();
    rule.reach = r.get<Reach>();
    return rule;
  });
  plan.filters = read_filters(in);
  plan.reading_task = read_filters(in);
  plan.writing_task = read_filters(in);
  plan.refusals = in.get<std::string>();
  plan.observe = in.get<ObserveLevel>();
  plan.capabilities = in.get<std::uint64_t>();
  return complete(in, std::move(plan));
}

std::string encode(const CallPlan& plan) {
  Writer out;
  out.put(plan.argv)
      .put(plan.cwd)
      .put(plan.environment)
      .put(plan.path)
      .put(plan.limits)
      .put(plan.process_rlimit)
      .put(plan.private_directory)
      .put(plan.task)
      .put(plan.relayed_ports);
  out.put(plan.terminal).put(plan.has_notebook).put(plan.watch_memory).put(plan.watch_cpu);
  return out.take();
}

Result<CallPlan> decode_call_plan(std::string_view bytes) {
  Reader in(bytes);
  CallPlan plan;
  plan.argv = in.get_all<std::string>();
  plan.cwd = in.get<std::string>();
  plan.environment = in.get_all<std::string>();
  plan.path = in.get<std::string>();
  plan.limits = in.get<Limits>();
  plan.process_rlimit = in.get<std::uint64_t>();
  plan.private_directory = in.get<std::string>();
  plan.task = in.get<std::string>();
  plan.relayed_ports = in.get_all<std::uint16_t>();
  plan.terminal = in.get<std::optional<Terminal>>();
  plan.has_notebook = in.get<bool>();
  plan.watch_memory = in.get<bool>();
  plan.watch_cpu = in.get<bool>();
  return complete(in, std::move(plan));
}

}  // namespace mayfly::sandbox
