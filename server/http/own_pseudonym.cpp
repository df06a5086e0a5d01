#include "server/http/own_pseudonym.h"

#include <fmt/format.h>

#include <random>

namespace roktcached {

const std::string& own_pseudonym() {
  static const std::string pseudonym = [] {
    std::random_device random;
    return fmt::format("{}{:08x}{:08x}", pseudonym_prefix, random(), random());
  }();
  return pseudonym;
}

}  // namespace roktcached
