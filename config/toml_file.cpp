#include "config/toml_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

namespace roktcached::config {

namespace {

/// The content of a file; or why there is none.
struct Content {
  std::string text;
  std::string mistake;
};

Content content_of(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  Content content;
  std::array<char, 4096> buffer{};
  while (file && content.text.size() <= max_config_file) {
    const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), file.get());
    content.text.append(buffer.data(), size);
    if (size < buffer.size()) break;
  }
  if (!file || std::ferror(file.get()) != 0)
    content.mistake = "cannot be read: " + std::generic_category().message(errno);
  if (content.text.size() > max_config_file) content.mistake = "is longer than 1 MiB";
  return content;
}

/// Walks over a TOML text as far as its nesting goes: keys, brackets, and what hides either, strings and
/// comments.
class NestingScanner {
 public:
  explicit NestingScanner(std::string_view text) : text_(text) {}

  std::optional<std::size_t> line_too_deep() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (c == '"' || c == '\'') {
        skip_string(c);
      } else {
        count(c);
        ++at_;
      }
      if (dots_ >= max_key_parts || brackets_ > max_open_brackets) return line_;
    }
    return std::nullopt;
  }

 private:
  void count(char c) {
    if (c == '.') {
      ++dots_;
      return;
    }
    const bool opens = c == '[' || c == '{';
    const bool closes = c == ']' || c == '}';
    if (c == '\n') ++line_;
    if (opens) ++brackets_;
    if (closes && brackets_ > 0) --brackets_;
    if (opens || closes || c == '\n' || c == '=' || c == ',') dots_ = 0;
  }

  /// A string in three quotes goes over lines, and ends with the last of up to five.
  void skip_string(char quote) {
    const std::string three(3, quote);
    const bool is_long = text_.substr(at_, 3) == three;
    at_ += is_long ? 3 : 1;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == quote && (!is_long || text_.substr(at_, 3) == three)) break;
      if (c == '\n' && !is_long) return;  // toml++ says what is wrong with it
      if (c == '\n') ++line_;
      const bool escapes = c == '\\' && quote == '"' && at_ + 1 < text_.size() && text_[at_ + 1] != '\n';
      at_ += escapes ? 2 : 1;
    }
    const std::size_t end = std::min(text_.find_first_not_of(quote, at_), text_.size());
    at_ = std::min(end, at_ + (is_long ? 5 : 1));
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::size_t dots_ = 0;  ///< of the key at hand
  std::size_t brackets_ = 0;
};

}  // namespace

std::optional<std::size_t> line_nested_too_deep(std::string_view text) {
  return NestingScanner(text).line_too_deep();
}

toml::table parse_file(const std::string& file, Mistakes& mistakes) {
  const Content content = content_of(file);
  if (!content.mistake.empty()) {
    mistakes.add(file, content.mistake);
    return {};
  }
  if (const auto line = line_nested_too_deep(content.text)) {
    mistakes.add(file + ":" + std::to_string(*line),
                 "is nested too deep; accepted: keys of at most 16 parts, at most 16 brackets open at once");
    return {};
  }
  try {
    return toml::parse(content.text, file);
  } catch (const toml::parse_error& error) {
    mistakes.add(file + ":" + std::to_string(error.source().begin.line), std::string(error.description()));
    return {};
  }
}

}  // namespace roktcached::config
