#include "server/admin/content_error.h"

#include <boost/json/serialize.hpp>

#include "core/rokt/sent_text.h"

namespace roktcached::admin {

Error content_error(std::string_view name, std::string_view what, std::string_view accepted) {
  return rokt::not_accepted(name, what, accepted);
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
