#pragma once

#include <map>
#include <string>

#include "config/mistakes.h"
#include "config/settings.h"

namespace roktcached::config {

/// Where each setting that was given was given: "FILE:LINE" or "$VARIABLE", by "section.key".
using Places = std::map<std::string, std::string>;

/// Adds what only the settings together can tell: who could reach the credential, and what would travel in
/// clear text.
void check_relations(const Settings& settings, const Places& places, Mistakes& mistakes);

}  // namespace roktcached::config
