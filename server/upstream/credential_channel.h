#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <string>

#include "config/settings.h"
#include "core/time.h"
#include "server/upstream/limit/admission.h"
#include "server/upstream/token/token_endpoint.h"
#include "server/upstream/token/token_keeper.h"

namespace roktcached::upstream {

/// What each credential has of its own: its token, and its budget with the queue for it. Belongs to the
/// upstream thread, but for the token's status.
struct CredentialChannel {
  /// @param origin, clock  outlive it
  CredentialChannel(const boost::asio::any_io_executor& executor, const boost::asio::any_io_executor& helpers,
                    Origin& origin, const config::Credential& credential, SecretSource secrets,
                    const Clock& clock)
      : name(credential.name),
        max_wait(credential.budget.max_queue_wait),
        endpoint(executor, helpers, origin, credential, std::move(secrets), clock),
        token(executor, endpoint, credential.name, clock),
        admission(executor, credential.budget, credential.name, clock) {}

  const std::string name;
  std::chrono::milliseconds max_wait;  ///< of a request, for its token and its turn
  TokenEndpoint endpoint;
  TokenKeeper token;
  Admission admission;
};

}  // namespace roktcached::upstream
