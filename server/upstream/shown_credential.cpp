#include "server/upstream/shown_credential.h"

#include <openssl/crypto.h>

#include <string>

namespace roktcached::upstream {

namespace beast_http = boost::beast::http;

ShownCredential::ShownCredential(WireRequest& request, std::string_view scheme, std::string_view credential)
    : request_(request) {
  std::string value;
  value.reserve(scheme.size() + 1 + credential.size());  // growing would leave a copy behind
  value.append(scheme).append(" ").append(credential);
  request_.set(beast_http::field::authorization, value);
  OPENSSL_cleanse(value.data(), value.size());
}

ShownCredential::~ShownCredential() {
  const auto field = request_.find(beast_http::field::authorization);
  if (field == request_.end()) return;
  // The memory is the request's own; Beast only shows it as constant.
  OPENSSL_cleanse(const_cast<char*>(field->value().data()), field->value().size());
  request_.erase(field);
}

}  // namespace roktcached::upstream
