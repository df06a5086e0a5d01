#include "server/exchange/question.h"

#include <xxhash.h>

namespace roktcached::exchange {

namespace {

/// Longer ones are rare, and would cost more memory than they save time.
constexpr std::size_t longest_target = 1024;

struct KeyFieldValues {
  std::string_view rokt_version;
  std::string_view accept_language;
};

/// @return nothing where it comes more than once, or is there and empty, which says something else than its
///         absence
std::optional<std::string_view> only_value(const http::Fields& fields, std::string_view name) {
  const auto value = fields.find(name);
  if (!value) return std::string_view();
  if (value->empty() || fields.count(name) > 1) return std::nullopt;
  return value;
}

std::optional<KeyFieldValues> key_field_values(const http::Fields& fields) {
  const auto rokt_version = only_value(fields, "rokt-version");
  const auto accept_language = only_value(fields, "Accept-Language");
  if (!rokt_version || !accept_language) return std::nullopt;
  return KeyFieldValues{*rokt_version, *accept_language};
}

}  // namespace

std::size_t QuestionMemory::place_of(std::string_view target) const {
  return XXH3_64bits(target.data(), target.size()) & (slots_.size() - 1);
}

const QuestionPtr& QuestionMemory::find(const inbound::Request& request) const {
  static const QuestionPtr none;
  const auto fields = key_field_values(request.fields);
  if (!fields) return none;
  const Slot& slot = slots_[place_of(request.target)];
  const bool same = slot.target == request.target && slot.method == request.method &&
                    slot.rokt_version == fields->rokt_version &&
                    slot.accept_language == fields->accept_language;
  return same ? slot.question : none;
}

void QuestionMemory::remember(const inbound::Request& request, QuestionPtr question) {
  const auto fields = key_field_values(request.fields);
  if (!fields || request.target.size() > longest_target) return;
  Slot& slot = slots_[place_of(request.target)];
  slot.method = request.method;
  slot.target = request.target;
  slot.rokt_version = fields->rokt_version;
  slot.accept_language = fields->accept_language;
  slot.question = std::move(question);
}

}  // namespace roktcached::exchange
