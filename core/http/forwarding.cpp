#include "core/http/forwarding.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <vector>

#include "core/ascii.h"
#include "core/http/fields.h"
#include "core/http/octets.h"

namespace roktcached::http {

namespace {

constexpr std::size_t max_kin = 16;

struct ViaMember {
  std::string_view protocol;
  std::string_view received_by;
};

/// Takes the text up to the next white space off, and that.
std::string_view take_word(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
  const std::string_view word = text.substr(0, end);
  text = trimmed(text.substr(end));
  return word;
}

ViaMember member_of(std::string_view text) {
  ViaMember member;
  member.protocol = take_word(text);
  member.received_by = take_word(text);
  return member;
}

bool is_kin(const ViaMember& member, std::string_view prefix) {
  const std::string_view name = member.received_by;
  if (name.size() <= prefix.size() || !equal_ignoring_case(name.substr(0, prefix.size()), prefix))
    return false;
  return name.size() <= prefix.size() + 32 && run_end(Octet::hex_digit, name, prefix.size()) == name.size() &&
         (member.protocol == "1.0" || member.protocol == "1.1");
}

}  // namespace

std::optional<std::uint32_t> max_forwards(std::string_view method, const Fields& request) {
  const auto field = request.find("Max-Forwards");
  if (!field || (method != "OPTIONS" && method != "TRACE")) return std::nullopt;
  const std::string_view value = trimmed(*field);
  if (!are_digits(value) || request.count("Max-Forwards") > 1) return std::nullopt;
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  return error == std::errc() ? number : std::numeric_limits<std::uint32_t>::max();
}

std::string via_with(std::string_view received, std::string_view protocol, std::string_view pseudonym) {
  constexpr std::string_view separator = ", ";
  std::string via;
  via.reserve(received.size() + separator.size() + protocol.size() + 1 + pseudonym.size());
  via += received;
  if (!via.empty()) via += separator;
  via.append(protocol).append(" ").append(pseudonym);
  return via;
}

bool via_names(std::string_view via, std::string_view pseudonym) {
  for (const std::string_view text : list_members(via)) {
    if (equal_ignoring_case(member_of(text).received_by, pseudonym)) return true;
  }
  return false;
}

std::string via_of_kin(std::string_view via, std::string_view prefix) {
  std::vector<ViaMember> kin;
  for (const std::string_view text : list_members(via)) {
    const ViaMember member = member_of(text);
    if (is_kin(member, prefix)) kin.push_back(member);
  }
  std::string kept;
  for (std::size_t i = kin.size() > max_kin ? kin.size() - max_kin : 0; i < kin.size(); ++i)
    kept = via_with(kept, kin[i].protocol, kin[i].received_by);
  return kept;
}

}  // namespace roktcached::http
