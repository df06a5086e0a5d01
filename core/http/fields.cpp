#include "core/http/fields.h"

#include <algorithm>
#include <cstring>

#include "core/ascii.h"
#include "core/http/octets.h"

namespace roktcached::http {

namespace {

/// A larger text's memory is not kept for others, which will hardly need it.
constexpr std::size_t kept_text = 16 * 1024;

}  // namespace

/// Nearly all equal names are equal in case, too. So names of half a word of memory and more are compared by
/// words or half words, of which the last may overlap the one before.
bool detail::same_ignoring_case(std::string_view left, std::string_view right) {
  constexpr std::size_t word = sizeof(std::uint64_t);
  constexpr std::size_t half = word / 2;
  const auto same_word = [=](std::size_t at) {
    return std::memcmp(left.data() + at, right.data() + at, word) == 0;
  };
  const auto same_half = [=](std::size_t at) {
    return std::memcmp(left.data() + at, right.data() + at, half) == 0;
  };
  if (left.size() >= half && left.size() < word && same_half(0) && same_half(left.size() - half)) return true;
  std::size_t same = 0;
  while (same + word <= left.size() && same_word(same)) same += word;
  if (left.size() >= word && same + word > left.size() && same_word(left.size() - word)) return true;
  for (std::size_t i = same; i < left.size(); ++i) {
    if (left[i] != right[i] && to_lower(left[i]) != to_lower(right[i])) return false;
  }
  return true;
}

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  std::size_t begin = 0;
  std::size_t end = text.size();
  while (begin < end && is_blank(text[begin])) ++begin;
  while (end > begin && is_blank(text[end - 1])) --end;
  return text.substr(begin, end - begin);
}

namespace {

/// Calls `visit` with each of what list_members returns, until that returns true. @return whether it has
template <class Visit>
bool any_member(std::string_view value, Visit visit) {
  if (is_token(value)) return visit(value);  // as it mostly is
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= value.size(); ++i) {
    const bool end = i == value.size();
    if (!end && quoted && value[i] == '\\') {
      ++i;  // the escaped character is part of the string, whatever it is
      continue;
    }
    if (!end && value[i] == '"') quoted = !quoted;
    if (end || (value[i] == ',' && !quoted)) {
      const auto member = trimmed(value.substr(begin, std::min(i, value.size()) - begin));
      if (!member.empty() && visit(member)) return true;
      begin = i + 1;
    }
  }
  if (begin >= value.size()) return false;
  const auto member = trimmed(value.substr(begin));
  return !member.empty() && visit(member);
}

}  // namespace

std::vector<std::string_view> list_members(std::string_view value) {
  std::vector<std::string_view> members;
  any_member(value, [&](std::string_view member) {
    members.push_back(member);
    return false;
  });
  return members;
}

bool is_token(std::string_view text) {
  return !text.empty() && run_end(Octet::tchar, text, 0) == text.size();
}

void Fields::add(std::string_view name, std::string_view value) {
  constexpr std::size_t usual_text = 512;
  const std::size_t name_at = text_.size();
  const std::size_t size = name_at + name.size() + value.size();
  if (size <= text_.capacity()) {
    text_.append(name).append(value);
  } else {
    // Beside the old text, which name and value may be views into.
    WipedString grown;
    grown.reserve(std::max(usual_text, 2 * size));
    grown.append(text_).append(name).append(value);
    text_ = std::move(grown);
  }
  constexpr std::size_t usual_lines = 16;
  if (lines_.empty()) lines_.reserve(usual_lines);
  lines_.push_back(line_of(name_at, name.size(), name_at + name.size(), value.size()));
  // `name` must not be used any more: it may have been a view into the old text.
  marks_ |= detail::mark_of(std::string_view(text_).substr(name_at, name.size()));
}

void Fields::set(std::string_view name, std::string_view value) {
  remove(name);
  add(name, value);
}

void Fields::overwrite(std::string_view name, std::string_view value) {
  const auto line = std::ranges::find_if(lines_, [&](const Line& one) { return has_name(one, name); });
  std::copy_n(value.data(), std::min<std::size_t>(value.size(), line->value_size),
              text_.data() + line->value);
}

void Fields::remove(std::string_view name) {
  if (!contains(name)) return;
  std::erase_if(lines_, [&](const Line& line) {
    const bool goes = has_name(line, name);
    if (goes) wipe_value(line);
    return goes;
  });
}

void Fields::clear() {
  explicit_bzero(text_.data(), text_.size());
  if (text_.capacity() > kept_text) {
    *this = Fields();
  } else {
    text_.clear();
    lines_.clear();
    marks_ = 0;
  }
}

std::optional<std::string_view> Fields::find_marked(std::string_view name) const {
  for (const Line& line : lines_) {
    if (has_name(line, name)) return field_of(line).value;
  }
  return std::nullopt;
}

std::size_t Fields::count(std::string_view name) const {
  if (!may_have(name)) return 0;
  return static_cast<std::size_t>(
      std::ranges::count_if(lines_, [&](const Line& line) { return has_name(line, name); }));
}

std::string Fields::combined(std::string_view name) const {
  std::string value;
  bool first = true;
  for_each(name, [&](std::string_view one) {
    if (!first) value += ", ";
    value += one;
    first = false;
  });
  return value;
}

std::string Fields::to_lines() const {
  return lines_of(all());
}

Fields Fields::from_lines(std::string_view lines) {
  Fields fields;
  while (!lines.empty()) {
    const auto end = std::min(lines.find("\r\n"), lines.size());
    const std::string_view line = lines.substr(0, end);
    const auto colon = std::min(line.find(": "), line.size());
    fields.add(line.substr(0, colon), line.substr(std::min(colon + 2, line.size())));
    lines.remove_prefix(std::min(end + 2, lines.size()));
  }
  return fields;
}

HopByHopFields::HopByHopFields(const Fields& message) {
  message.for_each("Connection", [this](std::string_view value) {
    any_member(value, [this](std::string_view member) {
      if (!is_hop_by_hop(member)) nominated_.push_back(member);
      return false;
    });
  });
}

bool HopByHopFields::is_nominated(std::string_view name) const {
  return std::ranges::any_of(
      nominated_, [name](std::string_view nominated) { return equal_ignoring_case(nominated, name); });
}

bool says_json(const Fields& fields) {
  const auto type = fields.find("Content-Type");
  if (!type || fields.count("Content-Type") != 1) return false;
  return equal_ignoring_case(trimmed(type->substr(0, type->find(';'))), "application/json");
}

}  // namespace roktcached::http
