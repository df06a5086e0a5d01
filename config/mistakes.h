#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace roktcached::config {

/// Collects what is wrong with a configuration, so that an operator sees all of it at once.
class Mistakes {
 public:
  /// A mistake is one line: line breaks and other controls in either parameter become spaces
  /// (core/printable.h).
  /// @param where  "FILE:LINE", or the variable's "$NAME"
  void add(const std::string& where, const std::string& what);
  [[nodiscard]] bool empty() const { return lines_.empty(); }
  /// Every mistake on a line of its own.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::string> lines_;
};

/// "; did you mean ...?" with the candidate that is most like `word`, or nothing if none is.
[[nodiscard]] std::string suggestion(std::string_view word, const std::vector<std::string>& candidates);

/// The same; if none is like it: "; accepted: " and all of them.
[[nodiscard]] std::string suggestion_or_all(std::string_view word,
                                            const std::vector<std::string>& candidates);

}  // namespace roktcached::config
