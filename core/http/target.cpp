#include "core/http/target.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "core/http/fields.h"
#include "core/http/octets.h"

namespace roktcached::http {

namespace {

Error bad_target(std::string why) {
  return {.code = ErrorCode::invalid_request, .context = "target: " + std::move(why)};
}

/// The octet that the '%' at `at` begins.
char octet_at(std::string_view text, std::size_t at) {
  return static_cast<char>(hex_value(text[at + 1]) * 16 + hex_value(text[at + 2]));
}

/// Whether two hex digits follow the '%' at `at`.
bool has_hex_digits(std::string_view text, std::size_t at) {
  return at + 2 < text.size() && is(Octet::hex_digit, text[at + 1]) && is(Octet::hex_digit, text[at + 2]);
}

/// Whether the '%' at `at` begins a whole percent-encoded octet.
bool is_encoded_at(std::string_view text, std::size_t at) {
  return text[at] == '%' && at + 2 < text.size();
}

/// The octets that stand as themselves in a canonical spelling, whether they were encoded or not.
constexpr std::array<bool, 256> make_canonical_octets() {
  std::array<bool, 256> canonical{};
  for (unsigned octet = 0; octet < canonical.size(); ++octet) {
    const char c = static_cast<char>(octet);
    canonical[octet] = octet < 0x80 && (is_unreserved(c) || c == ':' || c == '/');
  }
  return canonical;
}
constexpr std::array<bool, 256> canonical_octets = make_canonical_octets();

/// These octets, and the '+', which stays apart from its encoded form.
constexpr std::array<bool, 256> make_unchanged_octets() {
  std::array<bool, 256> unchanged = canonical_octets;
  unchanged['+'] = true;
  return unchanged;
}
constexpr std::array<bool, 256> unchanged_octets = make_unchanged_octets();

bool stands_as_itself(char c) {
  return canonical_octets[static_cast<unsigned char>(c)];
}

void append_encoded(std::string& text, char c) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  const auto octet = static_cast<unsigned char>(c);
  text += '%';
  text += digits[octet >> 4U];
  text += digits[octet & 15U];
}

/// The end of the octets that a canonical spelling leaves as they are.
std::size_t canonical_end(std::string_view text) {
  const auto unchanged = [text](std::size_t at) -> unsigned {
    return unchanged_octets[static_cast<unsigned char>(text[at])];
  };
  constexpr std::size_t at_once = 4;  // one test for four is less than one for each
  std::size_t at = 0;
  while (at + at_once <= text.size() &&
         (unchanged(at) & unchanged(at + 1) & unchanged(at + 2) & unchanged(at + 3)) != 0)
    at += at_once;
  while (at < text.size() && unchanged(at) != 0) ++at;
  return at;
}

std::string canonical_spelling(std::string_view text) {
  std::string result;
  result.reserve(3 * text.size());  // leaves no copy behind
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool encoded = is_encoded_at(text, i);
    const char octet = encoded ? octet_at(text, i) : text[i];
    if (stands_as_itself(octet) || (octet == '+' && !encoded)) {
      result += octet;
    } else {
      append_encoded(result, octet);
    }
    if (encoded) i += 2;
  }
  return result;
}

/// RFC 3986, section 5.2.4.
std::string without_dot_segments(std::string_view path) {
  std::vector<std::string_view> kept;
  bool ends_in_slash = false;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const auto segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    ends_in_slash = segment == "." || segment == "..";
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (segment != ".") {
      kept.push_back(segment);
    }
  }
  std::string result;
  for (const auto segment : kept) result.append("/").append(segment);
  if (ends_in_slash || result.empty()) result += '/';
  return result;
}

/// With every octet decoded, and again while there is something to decode: the next reader may not decode
/// twice, but the one behind it may. In one pass, whatever was encoded how often: the order of the decodings
/// makes no difference, since no two encoded octets overlap. So each is decoded as soon as it is whole.
std::string decoded(std::string_view path) {
  constexpr std::size_t encoded_size = 3;
  std::string text;
  text.reserve(path.size());
  for (const char c : path) {
    text += c;
    while (text.size() >= encoded_size) {
      const std::size_t at = text.size() - encoded_size;
      if (text[at] != '%' || !has_hex_digits(text, at)) break;
      const char octet = octet_at(text, at);
      text.resize(at);
      text += octet;
    }
  }
  return text;
}

Result<void> check_octets(std::string_view text) {
  for (std::size_t i = run_end(Octet::target_octet, text, 0); i < text.size();
       i = run_end(Octet::target_octet, text, i + 3)) {
    if (text[i] != '%')
      return bad_target("the byte at offset " + std::to_string(i) + " must be percent-encoded");
    if (!has_hex_digits(text, i))
      return bad_target("a '%' at offset " + std::to_string(i) + " without two hex digits behind it");
  }
  return {};
}

}  // namespace

Result<Target> parse_target(std::string_view text) {
  if (!text.starts_with('/'))
    return bad_target("accepted: a path that begins with '/', with an optional query");
  if (const auto octets = check_octets(text); !octets) return octets.error();
  const auto question = text.find('?');
  if (question == std::string_view::npos) return Target{text, {}};
  return Target{text.substr(0, question), text.substr(question + 1)};
}

Query::~Query() {
  for (std::string& text : texts_) explicit_bzero(text.data(), text.size());
}

std::string_view Query::decoded(std::string_view text) {
  if (text.find('%') == std::string_view::npos) return text;
  std::string& result = texts_.emplace_front();
  result.reserve(text.size());  // leaves no copy behind
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool encoded = is_encoded_at(text, i);
    result += encoded ? octet_at(text, i) : text[i];
    if (encoded) i += 2;
  }
  return result;
}

std::string_view Query::canonical(std::string_view text) {
  return canonical_end(text) == text.size() ? text : texts_.emplace_front(canonical_spelling(text));
}

Query parse_query(std::string_view text) {
  struct Part {
    std::string_view decoded;
    std::string_view canonical;
  };
  Query query;
  // The next name, or value. Where its spelling is canonical, that alone tells where it ends.
  const auto take = [&](bool name) -> Part {
    const auto ends = [name](char c) { return c == '&' || (name && c == '='); };
    std::size_t size = canonical_end(text);
    const bool is_canonical = size == text.size() || ends(text[size]);
    while (size < text.size() && !ends(text[size])) ++size;
    const std::string_view part = text.substr(0, size);
    text.remove_prefix(size);
    return is_canonical ? Part{part, part} : Part{query.decoded(part), query.canonical(part)};
  };
  while (!text.empty()) {
    const Part name = take(true);
    const bool has_value = text.starts_with('=');
    if (has_value) text.remove_prefix(1);
    const Part value = has_value ? take(false) : Part();
    if (!text.empty()) text.remove_prefix(1);  // the '&'
    if (name.canonical.empty() && !has_value) continue;
    query.parameters_.push_back({.name = name.decoded,
                                 .value = value.decoded,
                                 .canonical_name = name.canonical,
                                 .canonical_value = value.canonical,
                                 .has_value = has_value});
  }
  return query;
}

std::optional<Query> parse_form(std::string_view text) {
  constexpr std::size_t most_parameters = 100;
  const auto separators = static_cast<std::size_t>(std::ranges::count(text, '&'));
  if (separators >= most_parameters || !check_octets(text)) return std::nullopt;
  return parse_query(text);
}

std::string_view decode_unreserved(std::string_view path, std::string& storage) {
  if (path.find('%') == std::string_view::npos) return path;
  storage.clear();
  for (std::size_t i = 0; i < path.size(); ++i) {
    const bool decodes = is_encoded_at(path, i) && is_unreserved(octet_at(path, i));
    storage += decodes ? octet_at(path, i) : path[i];
    if (decodes) i += 2;
  }
  return storage;
}

std::optional<std::string> resolve_reference(std::string_view reference, std::string_view base_target,
                                             const std::vector<std::string>& hosts) {
  reference = trimmed(reference.substr(0, reference.find('#')));
  const auto scheme_end = reference.substr(0, reference.find_first_of("/?")).find(':');
  if (scheme_end != std::string_view::npos) {
    reference.remove_prefix(scheme_end + 1);
    if (!reference.starts_with("//")) return std::nullopt;
  }
  if (reference.starts_with("//")) {
    reference.remove_prefix(2);
    const std::string_view authority = reference.substr(0, reference.find_first_of("/?"));
    const bool known = std::ranges::any_of(
        hosts, [&](const std::string& host) { return equal_ignoring_case(host, authority); });
    if (!known) return std::nullopt;
    reference.remove_prefix(authority.size());
    base_target = "/";
  }
  const std::string_view base_path = base_target.substr(0, base_target.find('?'));
  std::string target;
  if (reference.empty()) {
    target = base_target;
  } else if (reference.front() == '/') {
    target = reference;
  } else if (reference.front() == '?') {
    target = std::string(base_path).append(reference);
  } else {
    target = std::string(base_path.substr(0, base_path.rfind('/') + 1)).append(reference);
  }
  const auto query = std::min(target.find('?'), target.size());
  std::string resolved = without_dot_segments(std::string_view(target).substr(0, query));
  resolved += target.substr(query);
  if (!parse_target(resolved)) return std::nullopt;
  return resolved;
}

bool has_dot_segments(std::string_view path) {
  if (path.find_first_of(".%") == std::string_view::npos) return false;
  const std::string text = decoded(path);
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find_first_of("/\\", begin), text.size());
    std::string_view segment = std::string_view(text).substr(begin, end - begin);
    segment = segment.substr(0, segment.find(';'));
    if (segment == "." || segment == "..") return true;
    begin = end + 1;
  }
  return false;
}

}  // namespace roktcached::http
