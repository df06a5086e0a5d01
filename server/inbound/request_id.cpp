#include "server/inbound/request_id.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

namespace roktcached::inbound {

namespace {

bool is_acceptable(std::string_view id) {
  return !id.empty() && id.size() <= 128 && std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._~:/+=@-").find(c) != std::string_view::npos;
  });
}

}  // namespace

std::string request_id_of(const http::Fields& request) {
  if (request.count("X-Request-Id") == 1) {
    if (const auto id = *request.find("X-Request-Id"); is_acceptable(id)) return std::string(id);
  }
  thread_local std::mt19937_64 generator{std::random_device{}()};
  return fmt::format("{:016x}{:016x}", generator(), generator());
}

}  // namespace roktcached::inbound
