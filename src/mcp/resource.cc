#include "mcp/resource.h"

#include <iterator>
#include <utility>

namespace mayfly::mcp {

void ResourceRegistry::add(std::shared_ptr<const ResourceProvider> provider) {
  providers_.push_back(std::move(provider));
}

std::vector<Resource> ResourceRegistry::list(const std::string& principal) const {
  std::vector<Resource> all;
  for (const auto& provider : providers_) {
    auto some = provider->list(principal);
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
  return all;
}

std::vector<ResourceTemplate> ResourceRegistry::templates() const {
  std::vector<ResourceTemplate> all;
  for (const auto& provider : providers_) {
    auto some = provider->templates();
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
  return all;
}

Result<std::vector<ResourceContents>> ResourceRegistry::read(const std::string& uri,
                                                             const std::string& principal) const {
  for (const auto& provider : providers_) {
    if (uri.starts_with(provider->prefix())) return provider->read(uri, principal);
  }
  return fail(no_such_resource(uri));
}

Status ResourceRegistry::check(const std::string& uri, const std::string& principal) const {
  for (const auto& provider : providers_) {
    if (uri.starts_with(provider->prefix())) return provider->check(uri, principal);
  }
  return fail(no_such_resource(uri));
}

Status ResourceProvider::check(const std::string& uri, const std::string& principal) const {
  for (const Resource& each : list(principal)) {
    if (each.uri == uri) return {};
  }
  return fail(no_such_resource(uri));
}

Error no_such_resource(const std::string& uri) {
  return input_error(ErrorCode::kNotFound, "uri", uri, "no such resource",
                     "resources/list and resources/templates/list name what there is");
}

}  // namespace mayfly::mcp
