#include "server/simulator/ledger.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace roktcached::simulator {

std::string Ledger::to_json() const {
  const auto counts = [](const std::map<std::string, std::uint64_t>& counted) {
    boost::json::object object;
    for (const auto& [name, count] : counted) object[name] = count;
    return object;
  };
  boost::json::object object;
  object["total"] = total_;
  object["by_target"] = counts(by_target_);
  object["by_status"] = counts(by_status_);
  object["tokens_minted"] = tokens_minted_;
  return boost::json::serialize(object);
}

}  // namespace roktcached::simulator
