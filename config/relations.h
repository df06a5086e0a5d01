#pragma once

#include <map>
#include <string>

#include "config/mistakes.h"
#include "config/settings.h"

namespace roktcached::config {

/// The place where a setting was given: "FILE:LINE" or "$VARIABLE". A setting that was refused has its
/// default instead.
struct Given {
  std::string place;
  bool refused = false;
};
/// By "section.key".
using Places = std::map<std::string, Given>;

/// Adds the mistakes that only several settings together can make: who could reach the credential, and what
/// would travel in clear text.
void check_relations(const Settings& settings, const Places& places, Mistakes& mistakes);

}  // namespace roktcached::config
