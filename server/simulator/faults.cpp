#include "server/simulator/faults.h"

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>

namespace roktcached::simulator {

namespace json = boost::json;

namespace {

constexpr std::array<std::string_view, 9> kinds = {
    "status", "latency", "reset", "hang", "truncate", "wrong_length", "trickle", "malformed_token", "hold"};

Error refused(std::string context) {
  return {.code = ErrorCode::invalid_request, .context = std::move(context)};
}

template <class Number>
bool read_number(const json::value& value, Number least, Number most, Number& into) {
  boost::system::error_code error;
  const auto number = value.to_number<double>(error);
  if (error || number < static_cast<double>(least) || number > static_cast<double>(most)) return false;
  into = static_cast<Number>(number);
  return static_cast<double>(into) == number;
}

bool read_field(std::string_view name, const json::value& value, Fault& fault) {
  if (name == "path_prefix") {
    if (!value.is_string()) return false;
    fault.path_prefix = std::string_view(value.get_string());
    return true;
  }
  if (name == "kind") {
    const auto found =
        value.is_string() ? std::ranges::find(kinds, std::string_view(value.get_string())) : kinds.end();
    if (found == kinds.end()) return false;
    fault.kind = static_cast<FaultKind>(found - kinds.begin());
    return true;
  }
  if (name == "status") return read_number(value, 200U, 599U, fault.status);
  if (name == "share") return read_number(value, 0.0, 1.0, fault.share);
  if (name == "latency_ms") {
    std::int64_t ms = 0;
    const bool read = read_number<std::int64_t>(value, 0, 3'600'000, ms);
    fault.latency = std::chrono::milliseconds{ms};
    return read;
  }
  if (name == "count") {
    std::uint64_t count = 0;
    const bool read = read_number<std::uint64_t>(value, 0, 1'000'000'000, count);
    fault.left = count;
    return read;
  }
  return false;
}

}  // namespace

Result<std::vector<Fault>> parse_faults(std::string_view text) {
  boost::system::error_code error;
  const json::value parsed = json::parse(json::string_view(text), error);
  if (error || !parsed.is_array()) return refused("accepted: a JSON list of faults");
  std::vector<Fault> faults;
  for (const auto& element : parsed.get_array()) {
    if (!element.is_object() || !element.get_object().contains("kind")) return refused("kind: is missing");
    Fault fault;
    for (const auto& [name, value] : element.get_object()) {
      if (!read_field(name, value, fault))
        return refused(std::string(std::string_view(name)) + ": no such field, or no such value for it");
    }
    faults.push_back(std::move(fault));
  }
  return faults;
}

std::optional<Fault> Faults::meet(std::string_view path) {
  for (Fault& fault : faults_) {
    if (!path.starts_with(fault.path_prefix) || fault.left == std::uint64_t{0}) continue;
    if (fault.kind == FaultKind::malformed_token && path != "/auth/oauth2/token") continue;
    if (std::uniform_real_distribution<double>(0, 1)(random_) >= fault.share) continue;
    if (fault.left) --*fault.left;
    return fault;
  }
  return std::nullopt;
}

}  // namespace roktcached::simulator
