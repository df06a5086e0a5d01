#include "server/session/request_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "server/access/host_check.h"
#include "server/http/request_target.h"

namespace roktcached::session {

using End = Incoming::End;

namespace {

/// The largest buffer, and the largest field section, that is worth keeping.
constexpr std::size_t usual_size = 4096;

Error refusal(ErrorCode code, std::string context) {
  return {.code = code, .context = std::move(context)};
}

Error too_large(const Limits& limits) {
  return refusal(ErrorCode::content_too_large,
                 fmt::format("the content is longer than {} bytes", limits.max_body));
}

/// The framing is in none of these.
constexpr std::array<std::string_view, 9> usual_names = {
    "Host",       "User-Agent",    "Accept",        "Accept-Encoding", "Accept-Language",
    "Connection", "Cache-Control", "If-None-Match", "rokt-version"};
/// Fields that say who asks.
constexpr std::array<std::string_view, 2> secret_names = {"X-API-Key", "Authorization"};

template <std::size_t count>
std::string_view found_in(const std::array<std::string_view, count>& names, std::string_view name) {
  const auto* const found = std::ranges::find_if(
      names, [name](std::string_view one) { return http::equal_ignoring_case(one, name); });
  return found == names.end() ? std::string_view() : *found;
}

}  // namespace

Result<void> check_expectation(const http::Fields& fields) {
  const auto expect = fields.find("Expect");
  if (!expect || (fields.count("Expect") == 1 && http::equal_ignoring_case(*expect, "100-continue")))
    return {};
  return refusal(ErrorCode::expectation_failed, "Expect: accepted: 100-continue");
}

void Incoming::clear() {
  request.clear();
  http11 = true;
  last = false;
  why = {};
}

std::string_view RequestReader::received() const {
  const auto data = buffer_.data();
  return {static_cast<const char*>(data.data()), data.size()};
}

End RequestReader::take(Incoming& incoming, bool encrypted, const Clock& clock) {
  if (!message_) {
    const End head = take_head(incoming, encrypted, clock);
    if (head != End::request || !message_) return head;
  }
  return take_content(incoming);
}

End RequestReader::take_head(Incoming& incoming, bool encrypted, const Clock& clock) {
  const auto scanned = scan_.scan(received(), usual_.known());
  incoming.request.received_at = received_at_ ? *received_at_ : clock.steady_now();
  if (!scanned) {
    // Whoever asked for a head alone would take content for the next answer.
    if (received().starts_with("HEAD ") || received().starts_with("\r\nHEAD "))
      incoming.request.method = "HEAD";
    return refuse(incoming, scanned.error());
  }
  if (!*scanned) return End::more;
  const auto framing = accept_head(incoming, received().substr(0, **scanned), encrypted);
  buffer_.consume(**scanned);
  scan_.reset();
  received_at_.reset();  // the next one's turn comes later
  due_.reset();          // the content has a time of its own
  if (!framing || framing->kind == http::Framing::Kind::none) message_.reset();
  if (!framing) return refuse(incoming, framing.error());
  if (framing->kind == http::Framing::Kind::length && framing->length > limits_.max_body) {
    message_.reset();
    return refuse(incoming, too_large(limits_));
  }
  return End::request;
}

End RequestReader::take_content(Incoming& incoming) {
  std::string& body = incoming.request.body;
  while (!message_->done()) {
    const auto step = message_->next(received());
    if (!step)
      return refuse(incoming, refusal(ErrorCode::invalid_request, "content: " + step.error().context));
    append_wiping(body, step->content);
    buffer_.consume(step->consumed);
    if (body.size() + message_->announced() > limits_.max_body) return refuse(incoming, too_large(limits_));
    if (step->consumed == 0 && !message_->done()) return End::more;
  }
  message_.reset();
  due_.reset();
  return End::request;
}

SteadyTime RequestReader::deadline(SteadyTime now) {
  if (!due_) {
    if (buffer_.size() < usual_size) buffer_.shrink_to_fit();  // who is slow is not to hold much
    due_ = now + (message_ ? limits_.body_timeout : limits_.head_timeout);
  }
  return *due_;
}

bool RequestReader::cut_off(Incoming& incoming, InputEnd why) {
  if (why == InputEnd::failure) return false;
  const std::string_view part = message_ ? "content" : "head";
  const auto timeout = message_ ? limits_.body_timeout : limits_.head_timeout;
  incoming.why = why == InputEnd::timeout
                     ? refusal(ErrorCode::request_timeout,
                               fmt::format("the {} took longer than {} ms", part, timeout.count()))
                     : refusal(ErrorCode::invalid_request, fmt::format("the {} is cut off", part));
  return true;
}

End RequestReader::refuse(Incoming& incoming, Error why) {
  incoming.why = std::move(why);
  return End::refused;
}

/// @param head  the whole of it
Result<http::Framing> RequestReader::accept_head(Incoming& incoming, std::string_view head, bool encrypted) {
  if (std::exchange(limits_number_, limits_.number) != limits_.number) {
    last_host_.clear();  // it, and the section, were accepted under other settings
    usual_ = {};
  }
  bool usual = scan_.was_known() && !usual_.section.empty();
  if (usual) {
    const auto section = http::read_request_line(head, head_);
    if (!section) return section.error();
    usual = head_.http11;
  }
  if (scan_.was_known() && !usual) {  // it is to be read all the same
    scan_.reset();
    if (const auto again = scan_.scan(head); !again) return again.error();
  }
  const Result<void> read = usual ? Result<void>() : message_.emplace().read_head(head, scan_, head_);
  http::Request& request = incoming.request;
  request.method = head_.method;
  incoming.http11 = head_.http11;
  if (usual) {
    request.fields = usual_.fields;
    if (usual_.secret_size > 0) {
      request.fields.overwrite(usual_.secret_name,
                               head.substr(scan_.section_begin() + usual_.secret, usual_.secret_size));
    }
  } else if (const auto accepted = accept_fields(incoming, read); !accepted) {
    return accepted.error();
  }
  const auto authority = http::read_target(head_.method, head_.target, encrypted, request.target);
  if (!authority) return authority.error();
  if (!authority->empty()) {
    if (const auto served = take_authority(incoming, *authority); !served) return served.error();
  }
  if (usual) return http::Framing{};
  return accept_framing(incoming, head.substr(scan_.section_begin()));
}

/// @param section  the head's field section
Result<http::Framing> RequestReader::accept_framing(const Incoming& incoming, std::string_view section) {
  const http::Fields& fields = incoming.request.fields;
  const auto framing = http::framing_of(head_);
  if (framing && framing->kind != http::Framing::Kind::none) {
    // A request with an expectation that is not known is refused here, since it is not clear whether its
    // content comes. Without content, Session::ask refuses it.
    if (const auto expected = check_expectation(fields); !expected) return expected.error();
  }
  if (framing && head_.http11 && !incoming.last && section.size() <= usual_size)
    keep_if_usual(fields, section);
  return framing;
}

void RequestReader::keep_if_usual(const http::Fields& fields, std::string_view section) {
  std::string_view secret_name;
  http::FieldLine secret;
  for (const http::FieldLine& field : head_.fields) {
    if (!found_in(usual_names, field.name).empty()) continue;
    if (!secret_name.empty()) return;  // a field of another kind, or a second secret
    secret_name = found_in(secret_names, field.name);
    secret = field;
    if (secret_name.empty() || secret.value.empty()) return;
  }
  usual_.section.clear();  // none, should memory fail on the way
  usual_.fields = fields;
  usual_.secret_name = secret_name;
  usual_.secret = secret_name.empty() ? 0 : static_cast<std::size_t>(secret.value.data() - section.data());
  usual_.secret_size = secret.value.size();
  const std::string nothing(usual_.secret_size, '\0');
  if (!nothing.empty()) usual_.fields.overwrite(secret_name, nothing);
  std::string kept(section.substr(0, usual_.secret));
  kept.append(nothing).append(section.substr(usual_.secret + usual_.secret_size));
  usual_.section = std::move(kept);
}

/// @param read  whether all of them were read, and what is wrong with the next
Result<void> RequestReader::accept_fields(Incoming& incoming, const Result<void>& read) {
  http::Fields& fields = incoming.request.fields;
  fields.assign(head_.fields);
  if (!read) return read;
  if (const auto host = accept_host(fields, head_.http11); !host) return host.error();
  incoming.last = !http::keeps_alive(head_.fields, head_.http11);
  return {};
}

/// The server that the target names takes the place of Host (RFC 9112, section 3.2.2). What lies behind such
/// a request is not read: others may take Host for the one that counts.
Result<void> RequestReader::take_authority(Incoming& incoming, std::string_view authority) {
  http::Fields& fields = incoming.request.fields;
  fields.set("Host", authority);
  incoming.last = true;
  return access::check_host(fields, head_.http11, limits_.allowed_hosts);
}

/// Most requests have the Host that the one before them had. Where the target names the server, Host need
/// only be well-formed (RFC 9112, sections 3.2 and 3.2.2).
Result<void> RequestReader::accept_host(const http::Fields& fields, bool http11) {
  const auto host = fields.find("Host");
  if (host && !last_host_.empty() && *host == last_host_ && fields.count("Host") == 1) return {};
  if (!head_.target.starts_with('/') && http::absolute_target(head_.target))
    return access::check_host(fields, http11, {});
  if (const auto checked = access::check_host(fields, http11, limits_.allowed_hosts); !checked)
    return checked;
  last_host_ = host.value_or("");
  return {};
}

}  // namespace roktcached::session
