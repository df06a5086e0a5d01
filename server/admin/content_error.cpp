#include "server/admin/content_error.h"

#include <boost/json/serialize.hpp>

namespace roktcached::admin {

Error content_error(std::string_view name, std::string_view what, std::string_view accepted) {
  std::string context(name);
  context.append(": ").append(what).append("; accepted: ").append(accepted);
  return {.code = ErrorCode::invalid_request,
          .source = ErrorSource::inbound,
          .retryable = false,
          .context = std::move(context)};
}

std::string quoted(const boost::json::value& value) {
  constexpr std::size_t longest_quote = 80;
  std::string text = boost::json::serialize(value);
  if (text.size() > longest_quote) {
    text.resize(longest_quote);
    text += "...";
  }
  return text;
}

}  // namespace roktcached::admin
