#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mcp/json.h"
#include "mcp/resource_updates.h"

namespace mayfly::mcp {

// One resource in a list. Era-neutral, as all of these: the writers drop what a revision lacks.
struct Resource {
  std::string uri;
  std::string name;
  std::string title;  // empty: none; so are the next two
  std::string description;
  std::string mime_type;
  std::optional<std::uint64_t> size;  // bytes of the content as it is; empty: not known
};

// Resources that are too many to list, as an RFC 6570 template.
struct ResourceTemplate {
  std::string uri_template;
  std::string name;
  std::string title;
  std::string description;
  std::string mime_type;
};

// What a read hands back, or a part of it.
struct ResourceContents {
  enum class Form { kText, kBase64 };
  std::string uri;
  std::string mime_type;
  Form form = Form::kText;
  std::string data;  // valid UTF-8, or base64
  Json meta = Json::object();
};

// Resources of one kind. Thread-safe. Each question carries the principal who asks: a provider
// whose resources belong to their callers shows nobody another's, and denies that there is one.
class ResourceProvider {
 public:
  virtual ~ResourceProvider() = default;
  // What all of its URIs begin with, such as "mayfly://jobs/". Does not change.
  virtual std::string_view prefix() const = 0;
  // Asked in the thread that receives, so it must not wait for anything; in a stable order.
  virtual std::vector<Resource> list(const std::string& principal) const = 0;
  virtual std::vector<ResourceTemplate> templates() const { return {}; }
  // Asked in a worker thread. `uri` begins with the prefix; the rest is as hostile as its sender.
  // E5002: there is no such resource. E5001: the URI asks for something that cannot be. What is
  // too large for one message (kMaxMessageBytes as JSON) is answered in part, and says so in
  // `meta`.
  virtual Result<std::vector<ResourceContents>> read(const std::string& uri,
                                                     const std::string& principal) const = 0;
  // Whether `uri` can be subscribed to, with the errors of `read`. Asked in the thread that
  // receives, so it must not wait for anything. Unless overridden: whether it is in the list.
  virtual Status check(const std::string& uri, const std::string& principal) const;
};

// E5002 with where to look.
Error no_such_resource(const std::string& uri);

// The providers of one server, in the order in which they are listed. Filled before serving starts,
// read-only and so thread-safe afterwards.
class ResourceRegistry {
 public:
  // `provider`'s prefix must not begin another's.
  void add(std::shared_ptr<const ResourceProvider> provider);

  std::vector<Resource> list(const std::string& principal) const;
  std::vector<ResourceTemplate> templates() const;
  // E5002 besides what the provider says: nobody provides `uri`.
  Result<std::vector<ResourceContents>> read(const std::string& uri,
                                             const std::string& principal) const;
  Status check(const std::string& uri, const std::string& principal) const;

  // Through which providers tell of changes; null, as at first: nothing can be subscribed to.
  void set_updates(std::shared_ptr<ResourceUpdates> updates) { updates_ = std::move(updates); }
  const std::shared_ptr<ResourceUpdates>& updates() const { return updates_; }

 private:
  std::shared_ptr<ResourceUpdates> updates_;
  std::vector<std::shared_ptr<const ResourceProvider>> providers_;
};

}  // namespace mayfly::mcp
