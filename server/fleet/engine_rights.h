#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "server/fleet/engine.h"
#include "server/fleet/engine_reply.h"

namespace roktcached::fleet {

/// Tries what an instance needs the engine to allow: first each command alone, then the scripts as a whole.
/// It says which command comes next, and takes the replies. Its last command deletes what the others have
/// written. If the engine does not allow that, it expires soon. Does no input or output.
class RightsTrial {
 public:
  RightsTrial();

  /// @return the next command; null: that was all
  [[nodiscard]] const Words* next();
  /// Takes the reply to it.
  void take(const EngineReply& reply);

  /// The rights that are missing, and what to do: a line each.
  /// @param user  of the engine's ACL
  [[nodiscard]] std::vector<std::string> mistakes(std::string_view user) const;

 private:
  struct Step {
    std::string right;  ///< as an ACL names it; empty: it tries a script, or cleans up
    Words words;
  };

  void add_commands();
  void add_scripts();
  [[nodiscard]] std::string key(std::string_view name) const { return prefix_ + std::string(name); }

  const std::string prefix_;  // of keys that no instance has
  std::vector<Step> steps_;
  std::size_t at_ = 0;
  std::vector<std::string> missing_;
  bool keys_are_refused_ = false;
  std::string refusal_;  // of another kind, the first
};

}  // namespace roktcached::fleet
