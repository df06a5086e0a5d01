#pragma once

#include <string_view>

namespace roktcached::fleet {

/// A script that the engine runs at once, whole or not at all; see scripts/NAME.lua. Its text begins with
/// what it is for, its keys, its arguments and what it returns.
struct Script {
  std::string_view name;
  std::string_view text;
};

// Made of the files in scripts/ by scripts.cmake.
extern const Script budget_script;
extern const Script confirmed_script;
extern const Script flight_script;
extern const Script land_script;
extern const Script member_script;
extern const Script purge_script;
extern const Script renew_script;
extern const Script tell_script;
extern const Script token_minted_script;
extern const Script token_renew_script;
extern const Script token_script;

}  // namespace roktcached::fleet
