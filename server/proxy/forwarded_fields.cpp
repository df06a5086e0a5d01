#include "server/proxy/forwarded_fields.h"

#include <algorithm>
#include <string>

#include "core/http/forwarding.h"
#include "core/http/request_override.h"
#include "server/access/presented.h"

namespace roktcached::proxy {

using http::equal_ignoring_case;
using http::Field;
using http::Fields;

namespace {

/// Written anew for the next hop, or spoken to us.
bool is_ours(std::string_view name) {
  static constexpr http::FieldNames names("Host", "Content-Length", "Expect");
  return names.contain(name);
}

bool is_condition(std::string_view name) {
  return equal_ignoring_case(name, "If-None-Match") || equal_ignoring_case(name, "If-Modified-Since");
}

bool is_range(std::string_view name) {
  return equal_ignoring_case(name, "Range") || equal_ignoring_case(name, "If-Range");
}

bool shows_local_token(const Fields& fields) {
  return std::ranges::any_of(fields.all(), [](const Field& field) {
    return equal_ignoring_case(field.name, "Authorization") &&
           access::read_authorization(field.value).kind == access::Presented::Kind::local_token;
  });
}

std::string cookies_of(const Fields& fields) {
  std::string cookies;
  for (const Field& field : fields.all()) {
    if (equal_ignoring_case(field.name, "Cookie"))
      cookies.append(cookies.empty() ? "" : "; ").append(field.value);
  }
  return cookies;
}

std::string joined(const Fields& fields, std::string_view name) {
  return equal_ignoring_case(name, "Cookie") ? cookies_of(fields) : fields.combined(name);
}

}  // namespace

Fields forwarded_fields(const http::Request& request, const rokt::Route& route, LeftToOrigin left) {
  const http::HopByHopFields hop_by_hop(request.fields);
  const bool keeps_credential = route.inject_token || shows_local_token(request.fields);
  const bool counts_hops = request.method == "OPTIONS";
  Fields fields;
  for (const Field& field : request.fields.all()) {
    const std::string_view name = field.name;
    const bool dropped = is_ours(name) || hop_by_hop.contain(name) ||
                         (keeps_credential && equal_ignoring_case(name, "Authorization")) ||
                         (counts_hops && equal_ignoring_case(name, "Max-Forwards")) ||
                         (!left.conditions && is_condition(name)) || (!left.range && is_range(name)) ||
                         (route.inject_token && http::may_override_request(name)) || fields.contains(name);
    if (!dropped) fields.add(name, joined(request.fields, name));
  }
  if (const auto hops = http::max_forwards(request.method, request.fields); hops && *hops > 0)
    fields.add("Max-Forwards", std::to_string(*hops - 1));
  return fields;
}

}  // namespace roktcached::proxy
