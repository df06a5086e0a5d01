#include "server/http/message.h"

#include <array>
#include <cstring>

namespace roktcached::http {

namespace {

/// A larger text's memory is not kept for the next message, which will hardly need it.
constexpr std::size_t kept_memory = 16 * 1024;

void make_empty(std::string& text) {
  if (text.capacity() > kept_memory) {
    text = std::string();
  } else {
    text.clear();
  }
}

/// Wipes a text that may have held a secret.
void wipe(std::string& text) {
  if (!text.empty()) explicit_bzero(text.data(), text.size());
  make_empty(text);
}

}  // namespace

void Request::clear() {
  make_empty(method);
  wipe(target);
  fields.clear();
  wipe(body);
  make_empty(id);
  make_empty(client);
  api_key.reset();
  rules = nullptr;
  runtime = nullptr;
  received_at = {};
  as_stored = false;
  protocol = "1.1";
  interim = nullptr;
  departure = nullptr;
  found.reset();
}

void Answer::clear() {
  status = 200;
  make_empty(head);
  stored.reset();
  shared_head = {};
  body.reset();
  part = {};
  content.reset();
  content_length.reset();
  notes = {};
}

std::string_view to_string(CacheOutcome outcome) {
  static constexpr std::array<std::string_view, outcome_count> names = {
      "hit",    "refreshing_hit", "miss",    "revalidated", "collapsed", "stale_if_error",
      "passed", "local",          "refused", "failed",      "not_json",  "too_large"};
  return names[static_cast<std::size_t>(outcome)];
}

std::string_view to_string(Cut cut) {
  static constexpr std::array<std::string_view, cut_count> names = {
      "-", "client_gone", "write_timeout", "write_rate", "upstream", "shutdown", "overloaded"};
  return names[static_cast<std::size_t>(cut)];
}

}  // namespace roktcached::http
