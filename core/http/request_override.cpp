#include "core/http/request_override.h"

#include <algorithm>
#include <array>

#include "core/ascii.h"
#include "core/http/field_names.h"

namespace roktcached::http {

namespace {

/// Words that stand between the hyphens of such names.
bool names_part_of_request(std::string_view word) {
  static constexpr FieldNames words("Method", "Verb", "Override", "Overwrite", "Rewrite", "Rewritten",
                                    "Original", "URL", "URI", "Path", "PathInfo", "Prefix", "Query", "Script",
                                    "Host", "DestinationURL", "Target", "Forwarded", "Action", "SOAPAction",
                                    "Destination", "Operation", "Command");
  return words.contain(word);
}

/// Parts by which such a name is known where its words are not set apart ("X-MethodOverride").
bool has_telling_part(std::string_view name) {
  static constexpr std::array<std::string_view, 6> parts = {"method",  "override", "overide",
                                                            "rewrite", "original", "requestpath"};
  return std::ranges::any_of(
      parts, [&](std::string_view part) { return !std::ranges::search(name, part, {}, to_lower).empty(); });
}

bool is_plain(char c) {
  return is_letter_or_digit(c) || c == '-';
}

}  // namespace

bool may_override_request(std::string_view name) {
  // These fields say something of the client and of the way here, and nothing of what is asked for.
  static constexpr FieldNames harmless("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Port");
  if (!std::ranges::all_of(name, is_plain)) return true;
  if (harmless.contain(name)) return false;
  if (has_telling_part(name)) return true;
  while (true) {
    const auto hyphen = name.find('-');
    if (names_part_of_request(name.substr(0, hyphen))) return true;
    if (hyphen == std::string_view::npos) return false;
    name.remove_prefix(hyphen + 1);
  }
}

}  // namespace roktcached::http
