#pragma once

#include "server/upstream/token/token_endpoint.h"

namespace roktcached::upstream {

/// The token that several instances share: it is minted by one of them, and taken by the others.
class SharedToken : public TokenSource {
 public:
  /// @param own  mints where it is this instance's turn, or nobody can be asked. Outlives it
  virtual void mint_with(TokenSource& own) = 0;
};

}  // namespace roktcached::upstream
