#include "server/exchange/report_body.h"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <cstdint>
#include <limits>
#include <string>

namespace roktcached::exchange {

namespace json = boost::json;

namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr std::string_view white_space = " \t\r\n";
constexpr std::size_t max_depth = 128;

/// Takes note of nothing that the parser finds: whether it fails is all that counts.
struct Ignored {
  using Error = json::error_code;
  static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = max_object_size;
  static constexpr std::size_t max_key_size = max_object_size;
  static constexpr std::size_t max_string_size = max_object_size;

  static bool on_document_begin(Error&) { return true; }
  static bool on_document_end(Error&) { return true; }
  static bool on_object_begin(Error&) { return true; }
  static bool on_object_end(std::size_t, Error&) { return true; }
  static bool on_array_begin(Error&) { return true; }
  static bool on_array_end(std::size_t, Error&) { return true; }
  static bool on_key_part(json::string_view, std::size_t, Error&) { return true; }
  static bool on_key(json::string_view, std::size_t, Error&) { return true; }
  static bool on_string_part(json::string_view, std::size_t, Error&) { return true; }
  static bool on_string(json::string_view, std::size_t, Error&) { return true; }
  static bool on_number_part(json::string_view, Error&) { return true; }
  static bool on_int64(std::int64_t, json::string_view, Error&) { return true; }
  static bool on_uint64(std::uint64_t, json::string_view, Error&) { return true; }
  static bool on_double(double, json::string_view, Error&) { return true; }
  static bool on_bool(bool, Error&) { return true; }
  static bool on_null(Error&) { return true; }
  static bool on_comment_part(json::string_view, Error&) { return true; }
  static bool on_comment(json::string_view, Error&) { return true; }
};

void skip_white_space(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(white_space), text.size()));
}

bool begins_value(std::string_view text) {
  return text.starts_with('{') || text.starts_with('[');
}

/// Reads objects and arrays until the end.
json::error_code read_all(std::string_view text) {
  json::parse_options options;
  options.max_depth = max_depth;
  options.allow_invalid_utf8 = true;
  json::basic_parser<Ignored> parser(options);
  json::error_code error;
  while (!error) {
    if (!begins_value(text)) return json::error::syntax;
    parser.reset();
    text.remove_prefix(parser.write_some(false, text.data(), text.size(), error));
    if (error) break;
    skip_white_space(text);
    if (text.empty()) break;
    if (!text.starts_with(',')) continue;
    text.remove_prefix(1);
    skip_white_space(text);
  }
  return error;
}

/// `text` with another letter in the place of each escape that is half of a surrogate pair.
std::string without_surrogates(std::string_view text) {
  constexpr std::string_view escape = "\\u";
  constexpr std::size_t escape_size = 6;
  std::string without(text);
  for (std::size_t at = without.find('\\'); at != std::string::npos; at = without.find('\\', at + 2)) {
    const std::string_view here = std::string_view(without).substr(at, escape_size);
    const bool surrogate = here.size() == escape_size && here.starts_with(escape) &&
                           (here[2] == 'd' || here[2] == 'D') &&
                           std::string_view("89abcdefABCDEF").find(here[3]) != std::string_view::npos;
    if (surrogate) without.replace(at + escape.size(), 2, "00");
  }
  return without;
}

std::string_view without_mark(std::string_view text) {
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  skip_white_space(text);
  return text;
}

}  // namespace

bool is_whole_json(std::string_view body) {
  const std::string_view text = without_mark(body);
  if (!read_all(text)) return true;
  // Boost.JSON takes whole surrogate pairs alone; the grammar (RFC 8259, section 7) allows their halves.
  const bool escaped = text.find("\\u") != std::string_view::npos;
  return escaped && begins_value(text) && !read_all(without_surrogates(text));
}

bool may_begin_json(std::string_view beginning) {
  return begins_value(without_mark(beginning));
}

}  // namespace roktcached::exchange
