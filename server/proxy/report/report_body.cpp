#include "server/proxy/report/report_body.h"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

namespace roktcached::proxy {

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

json::parse_options options() {
  json::parse_options options;
  options.max_depth = max_depth;
  options.allow_invalid_utf8 = true;
  return options;
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
  return text;
}

/// A thread keeps one reader for all bodies that come whole: making one allocates twice.
ReportBodyReader::State state_of(std::string_view body) {
  static thread_local ReportBodyReader reader;
  reader.begin();
  reader.read(body);
  return reader.state();
}

}  // namespace

struct ReportBodyReader::Progress {
  json::basic_parser<Ignored> parser{options()};
  struct Seen {
    bool anything = false;
    bool in_value = false;   // the parser is at it
    bool has_value = false;  // one has ended
    bool after_comma = false;
    bool invalid = false;
  } seen;

  /// Takes what stands between two values.
  void skip_to_value(std::string_view& text) {
    skip_white_space(text);
    if (text.empty()) return;
    if (text.front() == ',' && seen.has_value && !seen.after_comma) {
      seen.after_comma = true;
      text.remove_prefix(1);
    } else if (begins_value(text)) {
      parser.reset();
      seen.in_value = true;
      seen.after_comma = false;
    } else {
      seen.invalid = true;
    }
  }

  void read_value(std::string_view& text) {
    json::error_code error;
    text.remove_prefix(parser.write_some(true, text.data(), text.size(), error));
    seen.invalid = error.failed();
    seen.in_value = !parser.done();
    seen.has_value = seen.has_value || !seen.in_value;
  }
};

ReportBodyReader::ReportBodyReader() : progress_(std::make_unique<Progress>()) {}
ReportBodyReader::~ReportBodyReader() = default;

void ReportBodyReader::begin() {
  progress_->seen = {};
}

void ReportBodyReader::read(std::string_view piece) {
  Progress& progress = *progress_;
  if (!progress.seen.anything) piece = without_mark(piece);
  progress.seen.anything = progress.seen.anything || !piece.empty();
  while (!piece.empty() && !progress.seen.invalid)
    progress.seen.in_value ? progress.read_value(piece) : progress.skip_to_value(piece);
}

ReportBodyReader::State ReportBodyReader::state() const {
  if (progress_->seen.invalid) return State::invalid;
  const bool whole = progress_->seen.has_value && !progress_->seen.in_value && !progress_->seen.after_comma;
  return whole ? State::whole : State::incomplete;
}

bool is_whole_json(std::string_view body) {
  using State = ReportBodyReader::State;
  if (const State state = state_of(body); state != State::invalid) return state == State::whole;
  // Boost.JSON takes whole surrogate pairs alone; the grammar (RFC 8259, section 7) allows their halves.
  const bool escaped = body.find("\\u") != std::string_view::npos;
  return escaped && state_of(without_surrogates(body)) == State::whole;
}

bool may_begin_json(std::string_view beginning) {
  std::string_view text = without_mark(beginning);
  skip_white_space(text);
  return begins_value(text);
}

}  // namespace roktcached::proxy
