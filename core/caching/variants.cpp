#include "core/caching/variants.h"

#include <algorithm>

#include "core/http/validators.h"
#include "core/http/vary.h"

namespace roktcached::caching {

namespace {

constexpr std::size_t max_sets = 8;
constexpr std::chrono::days life{365};

std::string joined(const std::vector<std::string>& names) {
  std::string line;
  for (const auto& name : names) line.append(line.empty() ? "" : ", ").append(name);
  return line;
}

}  // namespace

Key http_key(std::string_view credential, std::string_view target) {
  std::string text(credential);
  text.append(" ").append(target).append(" =http");
  return Key(text);
}

VariantIndex::VariantIndex(const StoredResponse& stored) : generation_(stored.fetched_at) {
  const http::Fields fields = http::Fields::from_lines(stored.head);
  for (const auto& field : fields.all()) {
    std::vector<std::string> names;
    for (const auto name : http::list_members(field.value)) names.emplace_back(name);
    sets_.push_back(std::move(names));
  }
}

std::vector<Key> VariantIndex::keys_for(const Key& target, const http::Fields& request) const {
  std::vector<Key> keys;
  for (const auto& names : sets_) {
    const bool partial = std::ranges::find(names, "range") != names.end();
    const bool may_take_part = request.contains("Range") && !request.contains("If-Range");
    if (!partial || may_take_part) keys.push_back(key_for(target, names, request));
  }
  return keys;
}

Key VariantIndex::key_for(const Key& target, const std::vector<std::string>& names,
                          const http::Fields& request) const {
  std::string text(target.text());
  text.append(" ").append(std::to_string(unix_ms(generation_)));
  text.append(" ");
  for (const auto& name : names) text.append(name).append("&");
  // Not the values: they may be secrets, and keys are written to disk and shown.
  text.append(http::digest_of(http::selecting_values(names, request)));
  return Key(text);
}

void VariantIndex::add(const std::vector<std::string>& names) {
  std::erase(sets_, names);
  sets_.insert(sets_.begin(), names);
  if (sets_.size() > max_sets) sets_.pop_back();
}

StoredResponsePtr VariantIndex::to_stored(const Key& target, std::string_view route) const {
  StoredResponse stored;
  stored.key = target;
  stored.route = route;
  stored.status = 0;
  http::Fields fields;
  for (const auto& names : sets_) fields.add("Vary", joined(names));
  stored.head = fields.to_lines();
  stored.fetched_at = generation_;
  stored.fresh_until = generation_ + life;
  stored.usable_until = stored.fresh_until;
  return share(std::move(stored));
}

}  // namespace roktcached::caching
