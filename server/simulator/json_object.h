#pragma once

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

namespace roktcached::simulator {

/// A JSON object written field by field, in the order of the API's page. Names need no escaping.
class Object {
 public:
  Object& number(std::string_view name, std::int64_t value) { return raw(name, std::to_string(value)); }
  Object& text(std::string_view name, std::string_view value) {
    return raw(name, boost::json::serialize(boost::json::string(value)));
  }
  Object& boolean(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }
  Object& raw(std::string_view name, std::string_view json) {
    fmt::format_to(std::back_inserter(body_), "{}\"{}\":{}", body_.empty() ? "" : ",", name, json);
    return *this;
  }
  /// Exact decimals: sums of what is printed are what is printed of the sum.
  Object& money(std::string_view name, std::int64_t micro) {
    return raw(name, fmt::format("{}.{:06}", micro / 1'000'000, micro % 1'000'000));
  }
  /// `factor` times the quotient; the product of all of `micro` might not fit.
  Object& ratio(std::string_view name, std::int64_t micro, std::int64_t count, std::int64_t factor = 1) {
    return money(name, count == 0 ? 0 : micro / count * factor + micro % count * factor / count);
  }
  [[nodiscard]] std::string str() const { return "{" + body_ + "}"; }

 private:
  std::string body_;
};

}  // namespace roktcached::simulator
